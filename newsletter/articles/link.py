"""Addresses in posts: which may stand in an email, and in which form.

An address from a post is read as a browser reads it (backslashes, missing schemes, line feeds inside), and written in
one form: absolute, scheme and host in lower case, everything outside ASCII percent-encoded, no user name or password.
What this form cannot hold is unusable and comes back as an empty string; nothing raises.

The trap is an address that one parser takes for a relative path and another for a scheme: a no-break space, U+2028 or
a control character before or within `javascript:`.  So a scheme is looked for in the address without all of these.

Sources: the URL standard (whatwg.org), RFC 3986, RFC 6068 (mailto), RFC 3966 (tel).  Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import SplitResult, quote, urljoin, urlsplit

WEB = frozenset({"http", "https"})
#: What a link may lead to.
LINKS = WEB | {"mailto", "tel"}

#: White space and invisible characters, which copying and line wrapping leave around an address and within it.
_INVISIBLE = r"\s\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
_EDGES = re.compile(f"^[{_INVISIBLE}]+|[{_INVISIBLE}]+$")
_WITHIN = re.compile(f"[{_INVISIBLE}]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LABEL = re.compile(r"[^\x00-\x20!\"#$%&'()*+,./:;<=>?@\[\\\]^`{|}~\x7f-\xa0]+")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PHONE = re.compile(r"[0-9A-Za-z+*().;=,-]+")
_DEFAULT_PORT = {"http": 80, "https": 443}
#: Letters that the `idna` codec of 2003 would turn into others: a host with one of them stays as it is.
_DEVIATIONS = re.compile("[\u00df\u03c2\u200c\u200d]")


def absolute_url(url: str, base: str = "", schemes: Collection[str] = LINKS) -> str:
    """`url` in absolute form, resolved against `base` where it is relative; empty if it is not usable.

    Not usable: another scheme than `schemes`, a relative address without an http(s) base, no host, a host or port
    that cannot be.  An address that begins with `//` is https where `base` does not say otherwise.
    """
    text = _EDGES.sub("", url)
    text = text.replace("\t", "").replace("\n", "").replace("\r", "")
    named = _SCHEME.match(_WITHIN.sub("", text))
    if not named:
        return _web_url(_joined(text, base), schemes) if text else ""
    scheme, rest = named[1].lower(), text[len(named[0]) :]
    if scheme not in schemes or not text.lower().startswith(f"{scheme}:"):
        return ""
    if scheme in WEB:
        return _web_url(text, schemes)
    if scheme == "tel":
        number = _WITHIN.sub("", rest)
        return f"tel:{number}" if _PHONE.fullmatch(number) else ""
    return f"{scheme}:{_quoted(rest, '@:?&=+,;/')}" if rest else ""


def is_safe_url(url: str, schemes: Collection[str] = LINKS) -> bool:
    """Whether `url` is an absolute address with one of `schemes`, and a usable one."""
    return bool(_SCHEME.match(url.strip()) and absolute_url(url, schemes=schemes))


def host_of(url: str) -> str:
    """The host of an absolute address, without `www.`; empty if there is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _joined(text: str, base: str) -> str:
    """The relative address `text` on `base`; empty without a base that can carry it."""
    base = absolute_url(base, schemes=WEB) if base else ""
    head, mark, tail = _parted(text)
    head = head.replace("\\", "/")
    if head.startswith("//"):
        return f"{base.partition(':')[0] or 'https'}:{head}{mark}{tail}"
    try:
        return urljoin(base, head + mark + tail) if base else ""
    except ValueError:
        return ""


def _web_url(url: str, schemes: Collection[str]) -> str:
    """An http(s) address in the one form in which we write it; empty if it is not one."""
    scheme, colon, rest = url.partition(":")
    head, mark, tail = _parted(rest)
    head = head.replace("\\", "/")
    if not colon or scheme.lower() not in schemes or not head.startswith("/"):
        return ""
    try:
        parts = urlsplit(f"{scheme.lower()}://{head.lstrip('/')}{mark}{tail}")
        host = _host(parts)
        port = parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    if port is not None and port != _DEFAULT_PORT[parts.scheme]:
        host = f"{host}:{port}"
    query = f"?{_quoted(parts.query, '/?:@=&+,;')}" if parts.query else ""
    fragment = f"#{_quoted(parts.fragment, '/?:@=&+,;')}" if parts.fragment else ""
    return f"{parts.scheme}://{host}{_quoted(parts.path, '/:@=&+,;')}{query}{fragment}"


def _host(parts: SplitResult) -> str:
    """The host in ASCII; empty or ValueError if there cannot be such a host."""
    host = parts.hostname or ""
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]"
    if not all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
        return ""
    if host.isascii() or _DEVIATIONS.search(host):
        return host
    return host.encode("idna").decode("ascii").lower()


def _parted(text: str) -> tuple[str, str, str]:
    """What stands before the first `?` or `#`, that character, and the rest."""
    at = re.search(r"[?#]", text)
    return (text, "", "") if not at else (text[: at.start()], at[0], text[at.end() :])


def _quoted(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=f"%!$'()*~{safe}", errors="replace")
