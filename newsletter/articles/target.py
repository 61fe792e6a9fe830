"""Where a request goes: a URL taken apart, how it may be shown, and whether its host may be asked at all.

User and password of a URL are kept apart from the rest and are in no `repr`; `display_url` is the only form
for eyes. An IP address is public only if the registries say so in whatever form it is written or wrapped in.

Pure.  Sources: RFC 3986, the IANA registries of special-purpose addresses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urljoin

from newsletter.errors import FetchError

#: `is_global` is not enough: multicast, fec0::/10 and addresses that embed an IPv4 one pass, differently by
#: version.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's inner service, at an address that looks public
        "169.254.0.0/16",  # link-local: the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
#: A network without IPv4 sees the whole IPv4 internet under this prefix (RFC 6052): the embedded address
#: decides.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f/?#:@\[\]\\%]+)(?::(\d{0,5}))?"
_URL = re.compile(rf"(https?)://(?:([^/?#]*)@)?{_HOST}([/?#].*)?", re.I | re.S)
#: Passwords that were not percent-encoded and hold one of / ? #.
_RAW_URL = re.compile(rf"(https?)://([^@]*?:.*?)@{_HOST}([/?#].*)?", re.I | re.S)
_SECRET_PARAMETER = re.compile(
    r"([?&;](?:[\w.-]*(?:token|secret|passw(?:or)?d|api_?key|signature)|auth|key|pwd|sig)=)[^&;#]*", re.I
)


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL: `path` with the query, as it is sent; `credentials` (`user:password`) as written."""

    scheme: str
    host: str
    port: int
    path: str
    credentials: str = field(default="", repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What the credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == default_port(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse_target(url: str, *, where: str) -> Target:
    """The parts of an http(s) URL.  Raises FetchError, if it is none."""
    parsed = _split(url)
    if parsed is None:
        raise FetchError(
            f"not an http(s) address: {display_url(url)}",
            where=where,
            hint="like https://example.com/feed.xml; in a password write %25 %2F %3F %23 %40 for % / ? # @",
        )
    scheme, credentials, host, port, rest = parsed
    path = rest.partition("#")[0]
    number = int(port) if port else default_port(scheme)
    if not 0 < number < 65536:
        raise FetchError(f"no such port: {number}", where=where)
    return Target(
        scheme=scheme,
        host=_ascii_host(host.strip("[]").rstrip(".").lower(), where=where),
        port=number,
        path=quote(
            path if path.startswith("/") else f"/{path}", safe="%/:@!$&'()*+,;=~?[]|", errors="replace"
        ),
        credentials=credentials,
    )


def redirected(target: Target, location: str, *, where: str) -> Target:
    """Where a redirect leads.  Credentials go along within one origin; once it is left, they stay behind."""
    with contextlib.suppress(
        UnicodeError
    ):  # header bytes are read as Latin-1, but addresses are sent as UTF-8
        location = location.encode("latin-1").decode("utf-8")
    try:
        absolute = urljoin(target.url, location.strip())
    except ValueError:
        absolute = location
    following = parse_target(absolute, where=where)
    return replace(following, credentials=target.credentials if following.origin == target.origin else "")


def display_url(url: str) -> str:
    """`url` as it may be shown: without user, password, and values of parameters named like secrets."""
    parsed = _split(url)
    if parsed is None:
        shown = re.sub(r"(?<=//).*@", "", url.strip(), flags=re.S)
    else:
        scheme, _credentials, host, port, rest = parsed
        shown = f"{scheme}://{host}{port and f':{port}'}{rest}"
    return _SECRET_PARAMETER.sub(r"\1***", shown)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            return ip in _PUBLIC_6 and not any(ip in network for network in _NOT_PUBLIC_6)
    return not any(ip in network for network in _NOT_PUBLIC_4)


def is_in_networks(address: str, networks: frozenset[str]) -> bool:
    """Whether an IP address is one of `networks` or in one; entries that are no addresses are passed over."""
    for network in networks:
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(address) in ipaddress.ip_network(network.strip("[]"), strict=False):
                return True
    return False


def default_port(scheme: str) -> int:
    """The port of a URL that names none."""
    return 443 if scheme == "https" else 80


def _split(url: str) -> tuple[str, str, str, str, str] | None:
    """Scheme, credentials, host, port and the rest of an http(s) URL; None for everything else."""
    url = url.strip()
    match = _URL.fullmatch(url) or _RAW_URL.fullmatch(url)
    if match is None:
        return None
    scheme, credentials, host, port, rest = (part or "" for part in match.groups())
    return scheme.lower(), credentials, host, port, rest


def _ascii_host(host: str, *, where: str) -> str:
    """`host` as DNS knows it, by IDNA 2008: the standard library makes another owner's name of "straße"."""
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise FetchError(f"not a host name: {host}", where=where) from error
