"""Bodies from the network: the one place that asks for sources, and the addresses it never asks.

What a feed or a redirect names is a stranger's wish, and the machine that builds a newsletter often stands
inside somebody's network.  So only http and https are spoken, every host is resolved once, every address it
has must be public, and the connection goes to exactly the address that was checked; each redirect starts
over.  Proxy settings of the environment are not read.  Hosts that a person listed (`allow_hosts`) are
exempt.

Ten seconds and ten megabytes (decoded) are the limit for everything together: name, connection, TLS,
redirects, body.  User and password of a URL go to the origin they were written for and nowhere else: not to
the target of a redirect, not into errors, the cache or a `repr`.  A redirect from https to http is followed,
without them: feeds on http are accepted, so refusing would only make the editor write the http address down.

The size of a picture takes as few of its first bytes as say it, however large the picture is.

`FetchLater` means that the same request may work later (time-outs, lost connections, bodies that end too
soon, 429, 5xx), `FetchError` that it will not.  The cache only saves traffic: if it is lost, corrupt or
cannot be written, the body is fetched again.  Sizes of pictures are remembered for good.

Source: RFC 9110 (HTTP).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes

from newsletter.articles.picture_size import START, Size, media_type, natural_size
from newsletter.articles.target import (
    Target,
    default_port,
    display_url,
    is_in_networks,
    is_public,
    parse_target,
    redirected,
)
from newsletter.articles.wire import (
    CHUNK,
    GZIP_MAGIC,
    Deadline,
    Wire,
    connected,
    resolve,
    resolve_in_time,
    unpacked,
)
from newsletter.errors import FetchError, FetchLater

__all__ = ["MAX_BYTES", "MAX_REDIRECTS", "SECONDS", "Fetched", "Fetcher", "display_url"]

MAX_BYTES = 10 * 1024 * 1024
SECONDS = 10.0
MAX_REDIRECTS = 5
USER_AGENT = "newsletter-publisher (feed reader)"

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml, text/html, */*;q=0.8"
)
#: Formats that every email program shows come first: some servers send what is asked for.
_ACCEPT_PICTURE = "image/png, image/jpeg, image/gif, image/*;q=0.8, */*;q=0.1"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
_SIZE = re.compile(rb"([1-9]\d{0,4}) ([1-9]\d{0,4})\n")
#: How much of a picture is read before its size is looked for the first time.
_FIRST_BYTES = 8 * 1024
_RETRY_AFTER = re.compile(r"\s*(?:(\d{1,7})|(\w{3}, [\w: ]{10,30}))\s*")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: `url` is where it was found in the end, `unchanged` that the server said so (304).

    `content_type` is the media type in lower case, `charset` its parameter; both may be empty.
    """

    url: str
    body: bytes
    content_type: str = ""
    charset: str = ""
    unchanged: bool = False


class Fetcher:
    """Fetches bodies within limits; remembers them in the folder `cache`, if there is one.

    `allow_hosts` holds host names, `host:port`, IP addresses or networks (`10.0.0.0/8`) that may be asked
    although they are not public.
    """

    def __init__(
        self,
        cache: Path | None,
        *,
        allow_hosts: frozenset[str] = frozenset(),
        user_agent: str = USER_AGENT,
        seconds: float = SECONDS,
        max_bytes: int = MAX_BYTES,
        resolve: Callable[[str, int], list[str]] = resolve,
    ) -> None:
        self._cache = cache
        self._allow_hosts = frozenset(host.strip().rstrip(".").lower() for host in allow_hosts)
        self._user_agent = user_agent
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._resolve = resolve
        self._tls: ssl.SSLContext | None = None

    def fetch(self, url: str) -> Fetched:
        """The body at `url`, from the server or, if the server says that nothing changed, from the cache.

        Raises FetchError, if the address is refused, does not exist or is of no use; FetchLater, if it may
        work later.
        """
        remembered = self._recall(url)
        with self._answer(url, Deadline(self._seconds), _ACCEPT, remembered) as (response, target):
            if response.status == 304 and remembered:
                return remembered.fetched()
            fetched = self._receive(response, target, display_url(url))
            self._remember(url, fetched, response)
            return fetched

    def fetch_size(self, url: str, deadline: Deadline | None = None) -> Size:
        """The size of the picture at `url`, from the cache or from as few of its first bytes as say it.

        Raises FetchError, if there is no picture, or none that says its size in the first megabyte; FetchLater, if
        it may work later.
        """
        if size := self._recall_size(url):
            return size
        with self._answer(url, deadline or Deadline(self._seconds), _ACCEPT_PICTURE) as (response, _):
            size = self._receive_size(response, display_url(url))
            self._remember_size(url, size)
            return size

    @contextlib.contextmanager
    def _answer(
        self, url: str, deadline: Deadline, accept: str, remembered: _Remembered | None = None
    ) -> Iterator[tuple[http.client.HTTPResponse, Target]]:
        """The answer behind all redirects, a success or a 304 for what is remembered, and where it came from.

        Its body can be read inside; what fails there is told like what fails here.
        """
        where = display_url(url)
        target = first = parse_target(url, where=where)
        for _ in range(MAX_REDIRECTS + 1):
            with self.told(where, target), contextlib.ExitStack() as sockets:
                response = self.ask(target, remembered, accept, deadline, where, sockets)
                location = response.getheader("Location", "")
                if response.status in (301, 302, 303, 307, 308) and location:
                    target = redirected(target, location, where=where)
                    continue
                unchanged = response.status == 304 and remembered and remembered.url == target.url
                if not unchanged and (not 200 <= response.status < 300 or response.status == 206):
                    raise _refusal(response, target, first, where)
                yield response, target
                return
        raise FetchError(
            f"more than {MAX_REDIRECTS} redirects, the last to {display_url(target.url)}", where=where
        )

    def ask(
        self,
        target: Target,
        remembered: _Remembered | None,
        accept: str,
        deadline: Deadline,
        where: str,
        sockets: contextlib.ExitStack,
        method: str = "GET",
    ) -> http.client.HTTPResponse:
        """The head of the answer; the body can be read until `sockets` are closed."""
        addresses = self._checked_addresses(target, deadline, where)
        stream = sockets.enter_context(connected(addresses, target.port, deadline))
        connection: http.client.HTTPConnection
        if target.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()
            stream = sockets.enter_context(self._tls.wrap_socket(stream, server_hostname=target.host))
            connection = http.client.HTTPSConnection(target.host, target.port, context=self._tls)
        else:
            connection = http.client.HTTPConnection(target.host, target.port)
        # With its socket in place http.client never resolves or connects by itself.
        connection.sock = cast(socket.socket, Wire(stream, deadline))
        headers = {"User-Agent": self._user_agent, "Accept": accept}
        headers |= {"Accept-Encoding": "gzip, deflate", "Connection": "close"}
        if target.credentials:
            headers["Authorization"] = f"Basic {_basic(target.credentials)}"
        if remembered and remembered.url == target.url:  # an ETag means something only where it comes from
            headers |= remembered.conditions()
        connection.request(method, target.path, headers=headers)
        return connection.getresponse()

    def _checked_addresses(self, target: Target, deadline: Deadline, where: str) -> list[str]:
        """The addresses of the host, all of them public or allowed.  They are not looked up again."""
        names = {target.host, f"{target.host}:{target.port}", f"[{target.host}]:{target.port}"}
        if names & self._allow_hosts:
            return resolve_in_time(self._resolve, target.host, target.port, deadline=deadline)
        if target.port < 1024 and target.port not in (default_port("http"), default_port("https")):
            raise FetchError(
                f"{display_url(target.url)}: port {target.port} is not a web server's",
                where=where,
                hint=f'if it is one, newsletter.toml: [fetch] allow_hosts = ["{target.host}:{target.port}"]',
            )
        addresses = resolve_in_time(self._resolve, target.host, target.port, deadline=deadline)
        for address in addresses:
            if not is_public(address) and not is_in_networks(address, self._allow_hosts):
                raise FetchError(
                    f"{display_url(target.url)} is at {address}, which is not a public address",
                    where=where,
                    hint=f'if it is meant, newsletter.toml: [fetch] allow_hosts = ["{target.host}"]',
                )
        return addresses

    def _receive(self, response: http.client.HTTPResponse, target: Target, where: str) -> Fetched:
        """The whole body, decoded, at most `max_bytes` of it."""
        body = bytearray()
        for piece in _unpacked(self._pieces(response, where), response, where):
            body += piece
            if len(body) > self._max_bytes:
                raise self._too_large(where)
        if body.startswith(GZIP_MAGIC):
            raise FetchError("the body is compressed twice", where=where)
        content_type = response.getheader("Content-Type", "")
        charset = _CHARSET.search(content_type)
        return Fetched(
            url=target.url,
            body=bytes(body),
            content_type=content_type.partition(";")[0].strip().lower(),
            charset=charset[1].lower() if charset else "",
        )

    def _receive_size(self, response: http.client.HTTPResponse, where: str) -> Size:
        """The size of the picture whose first bytes arrive; it is looked for whenever there are twice as many."""
        body, wanted = bytearray(), _FIRST_BYTES
        for piece in _unpacked(iter(lambda: response.read(_FIRST_BYTES), b""), response, where):
            body += piece
            if len(body) >= wanted:
                wanted = 2 * len(body)
                hopeless = len(body) >= START or media_type(bytes(body)) in ("", "image/svg+xml")
                if hopeless or natural_size(bytes(body)):
                    break
        if size := natural_size(bytes(body)):
            return size
        kinds = {"": "not a picture", "image/svg+xml": "an SVG, which has no size in pixels"}
        raise FetchError(kinds.get(media_type(bytes(body)), "its size cannot be read"), where=where)

    def _pieces(self, response: http.client.HTTPResponse, where: str) -> Iterator[bytes]:
        """The body as it was sent.  Raises EOFError, if it is shorter than announced."""
        expected, received = response.length, 0
        if expected is not None and expected > self._max_bytes:
            raise self._too_large(where)
        while piece := response.read(CHUNK):
            received += len(piece)
            if received > self._max_bytes:  # what unpacks to nothing can be endless too
                raise self._too_large(where)
            yield piece
        # http.client does not say so when it reads in pieces, and takes half a head for a whole one.
        if received < (expected or 0) or (expected is None and not received):
            raise EOFError

    def _too_large(self, where: str) -> FetchError:
        return FetchError(f"larger than {self._max_bytes / 1024 / 1024:g} MB", where=where)

    @contextlib.contextmanager
    def told(self, where: str, target: Target) -> Iterator[None]:
        """Faults of the network in a person's words."""
        shown = display_url(target.url)
        via = "" if shown == where else f" ({shown})"
        try:
            yield
        except TimeoutError as error:
            raise FetchLater(
                f"no complete answer within {self._seconds:g} seconds{via}", where=where
            ) from error
        except ssl.SSLCertVerificationError as error:
            message = f"its TLS certificate is not valid: {error.verify_message}{via}"
            raise FetchError(message, where=where, hint="the site must renew it") from error
        except (EOFError, ssl.SSLEOFError, zlib.error, http.client.IncompleteRead) as error:
            raise FetchLater(f"the answer ended too soon or is damaged{via}", where=where) from error
        except ssl.SSLError as error:
            message = f"no TLS connection: {error.reason or 'refused'}{via}"
            raise FetchError(message, where=where, hint="is it an http:// address?") from error
        except socket.gaierror as error:
            kind = FetchLater if error.errno == socket.EAI_AGAIN else FetchError
            message = f"no such host: {target.host} ({error.strerror})"
            raise kind(message, where=where, hint="check the address, and the connection") from error
        except OSError as error:  # ConnectionRefusedError, http.client.RemoteDisconnected ...
            raise FetchLater(f"the connection failed: {error.strerror or error}{via}", where=where) from error
        except http.client.HTTPException as error:
            raise FetchError(
                f"the server does not speak HTTP ({type(error).__name__}){via}", where=where
            ) from error

    def _recall_size(self, url: str) -> Size | None:
        with contextlib.suppress(OSError):
            if self._cache and (said := _SIZE.fullmatch(_size_file(self._cache, url).read_bytes())):
                return Size(int(said[1]), int(said[2]))
        return None

    def _remember_size(self, url: str, size: Size) -> None:
        with contextlib.suppress(OSError):
            if self._cache:
                self._cache.mkdir(parents=True, exist_ok=True)
                _replace(_size_file(self._cache, url), b"%d %d\n" % (size.width, size.height))

    def _recall(self, url: str) -> _Remembered | None:
        """What is remembered of `url`; None, if nothing is, or not as it was written."""
        if self._cache is None:
            return None
        asking, stored = _cache_files(self._cache, url)
        try:
            remembered = _Remembered(**json.loads(asking.read_bytes()), body=stored.read_bytes())
        except (OSError, ValueError, TypeError):
            return None
        return remembered if remembered.is_sound() else None

    def _remember(self, url: str, fetched: Fetched, response: http.client.HTTPResponse) -> None:
        if self._cache is None:
            return
        remembered = _Remembered(
            url=fetched.url,
            etag=response.getheader("ETag", ""),
            last_modified=response.getheader("Last-Modified", ""),
            content_type=fetched.content_type,
            charset=fetched.charset,
            digest=hashlib.sha256(fetched.body).hexdigest(),
            body=fetched.body,
        )
        if not remembered.conditions() or not remembered.is_sound():
            return
        asking, stored = _cache_files(self._cache, url)
        record = {key: value for key, value in asdict(remembered).items() if key != "body"}
        with contextlib.suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            _replace(stored, remembered.body)
            # A crash here leaves a digest that does not fit: the pair is ignored.
            _replace(asking, json.dumps(record).encode("ascii"))


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An answer in the cache; `url` is the one that gave it, after redirects."""

    url: str
    etag: str
    last_modified: str
    content_type: str
    charset: str
    digest: str
    body: bytes

    def conditions(self) -> dict[str, str]:
        """The headers that ask whether it is still so."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    def is_sound(self) -> bool:
        """Whether it can be sent as headers, and the body is the one that belongs to them."""
        texts = (self.url, self.etag, self.last_modified, self.content_type, self.charset)
        if not all(
            isinstance(text, str) and text.isascii() and (text.isprintable() or not text) for text in texts
        ):
            return False
        return hashlib.sha256(self.body).hexdigest() == self.digest

    def fetched(self) -> Fetched:
        return Fetched(self.url, self.body, self.content_type, self.charset, unchanged=True)


def _cache_files(cache: Path, url: str) -> tuple[Path, Path]:
    """The two files for `url`: what to ask with, and the body."""
    name = hashlib.sha256(url.strip().encode("utf-8", "surrogatepass")).hexdigest()
    return cache / f"{name}.json", cache / f"{name}.body"


def _size_file(cache: Path, url: str) -> Path:
    return _cache_files(cache, url)[0].with_suffix(".size")


def _unpacked(pieces: Iterator[bytes], response: http.client.HTTPResponse, where: str) -> Iterator[bytes]:
    """`pieces` of the body without the encoding that the answer names."""
    encoding = response.getheader("Content-Encoding", "")
    try:
        return unpacked(pieces, encoding)
    except ValueError as error:
        raise FetchError(f"the body is encoded as {encoding!r}, not asked for", where=where) from error


def _replace(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all, for its owner's eyes: the body may come from behind a password."""
    handle, temporary = tempfile.mkstemp(prefix=".fetch-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _basic(credentials: str) -> str:
    user, _colon, password = credentials.encode("utf-8", "replace").partition(b":")
    return base64.b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode("ascii")


def _refusal(response: http.client.HTTPResponse, target: Target, first: Target, where: str) -> FetchError:
    """What a status that is no success means, and what a person can do."""
    status = response.status
    said = f"the server answers {status} {response.reason}".rstrip()
    if target.url != first.url:
        said += f" after a redirect to {display_url(target.url)}"
    if status in (408, 425, 429) or status >= 500:
        wait = _RETRY_AFTER.fullmatch(response.getheader("Retry-After", ""))
        asks = f"it asks to wait {f'{wait[1]} seconds' if wait[1] else f'until {wait[2]}'}" if wait else ""
        return FetchLater(said, where=where, hint=asks or "try again later")
    return FetchError(said, where=where, hint=_remedy(status, target, first))


def _remedy(status: int, target: Target, first: Target) -> str:
    if status == 401 and first.credentials and not target.credentials:
        return (
            "user and password are not sent to where the redirect leads: write that address into the source"
        )
    if status == 401 and first.credentials:
        return "user or password are not accepted: check them in .env"
    if status == 401:
        source = "https://${FEED_USER}:${FEED_PASSWORD}@..."
        return f"write {source} as the source, and FEED_USER=... and FEED_PASSWORD=... into .env"
    remedies = {
        403: "it does not serve this program or this network: ask the site, or save the feed as a file",
        404: "check the address in a browser: the site may announce its feed under another one",
        410: "it is gone for good: remove the source",
    }
    return remedies.get(status, "check the address in a browser")
