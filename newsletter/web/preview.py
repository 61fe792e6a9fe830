"""The preview: one publication's issues in the browser, as every reader would see them, live.

Two apps behind one port (`guard` says why): the app's page with its panel, and the mail's stage, which shows emails in
frames without scripts.  Both are rendered here; the scripts carry nothing but what the person chose.  What cannot be built
is shown with its place and remedy over the email, never as a page of its own.

Reads the publication; writes only what the person asks for: a test (as `send --test` does) and the addresses of it.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from html import escape
from pathlib import Path
from types import FrameType
from typing import TypeVar

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from newsletter.checks.lens import LENSES
from newsletter.errors import IssueError, NewsletterError, UsageError
from newsletter.render.fit import LIMIT
from newsletter.web.desk import Desk
from newsletter.web.frames import frame_page
from newsletter.web.guard import APP_HOST, EMAIL_POLICY, STAGE_POLICY, Guard
from newsletter.web.live import Live
from newsletter.web.places import placed

T = TypeVar("T")
FILES = Path(__file__).parent / "data"
WIDTHS = (320, 375, 600, 800)
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_STATIC = {
    path.name: (_TYPES[path.suffix], path.read_bytes()) for path in FILES.iterdir() if path.suffix in _TYPES
}


def kilobytes(size: int) -> str:
    """`size` in kB with one decimal."""
    return f"{size / 1000:.1f} kB"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FILES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["kilobytes"] = kilobytes
_SHARED = {"widths": WIDTHS, "lenses": LENSES, "limit": LIMIT}


class Preview:
    """The preview of the publication in `root`; `issue_id` is shown first, the newest if it is empty."""

    def __init__(self, root: Path, *, port: int, issue_id: str = "", token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(16)
        self.desk = Desk(root)
        self.live = Live(root, self._told, self.desk.refresh)
        self._issue_id = issue_id
        app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/panel", self._panel),
                Route("/events", self._events),
                Route("/test", self._test, methods=["POST"]),
                Route("/static/{name}", _static),
            ],
            lifespan=self._lifespan,
        )
        mail = Starlette(
            routes=[
                Route("/", self._elsewhere),
                Route("/stage", self._stage),
                Route("/static/{name}", _static),
                Route("/email/{issue}", self._email),
                Route("/picture/{issue}/{cid}", self._picture),
            ]
        )
        self.guard = Guard(app, mail, port=port, token=self.token)

    @property
    def url(self) -> str:
        """The address to open."""
        return f"{self.guard.app_origin}/{self.token}/"

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.live.watch())
        warming = asyncio.create_task(asyncio.to_thread(self._warm))
        try:
            yield
        finally:
            self.live.stop()
            await asyncio.gather(watching, warming, return_exceptions=True)

    def _warm(self) -> None:
        """The first build and the first check take ten times as long as the next ones."""
        if issues := _or_none(self.desk.issues):
            _or_none(lambda: self.desk.review(self._issue_id or issues[0].id))

    # --- the app's origin -----------------------------------------------------------------------------------

    def _page(self, request: Request) -> Response:
        """The page; what takes a build comes with the panel."""
        issues = _or_none(self.desk.issues) or []
        shown = request.query_params.get("issue") or self._issue_id or (issues[0].id if issues else "")
        name = _or_none(lambda: self.desk.publication.config.name) or self.desk.root.name
        page = _TEMPLATES.get_template("preview.html").render(
            **_SHARED,
            name=name,
            issues=issues,
            states=_or_none(self.desk.states) or {},
            shown=shown,
            generation=self.desk.generation,
            mail=f"{self.guard.mail_origin}/{self.token}",
            addresses=self.desk.addresses(),
        )
        return HTMLResponse(page)

    def _panel(self, request: Request) -> Response:
        """What stands around the email: issues, subject, findings, sizes; or what is wrong."""
        desk, issue_id = self.desk, request.query_params.get("issue", "")
        names: dict[str, object] = {**_SHARED, "shown": issue_id, "issues": _or_none(desk.issues) or []}
        names["states"] = _or_none(desk.states) or {}
        try:
            reader = desk.reader(self._known(issue_id), request.query_params)
            variant = desk.variant(issue_id, reader.segments)
            review, values = desk.review(issue_id), desk.values(issue_id, reader)
            findings = review.checked.findings
            names |= {
                "problem": None,
                "review": review,
                "findings": findings,
                "placed": placed(variant.email.html.fill(values), findings, desk.articles(issue_id)),
                "titles": {article.id: article.title or article.id for article in variant.issue.articles},
                "sender": desk.publication.sender,
                "reader": reader,
                "subject": variant.email.subject.fill(values),
                "preheader": variant.issue.preheader,
                "is_named": bool(request.query_params.get("reader")),
                "list_problem": desk.list_problem,
            }
        except NewsletterError as error:
            names["problem"] = self._problem(error)
        return HTMLResponse(_TEMPLATES.get_template("panel.html").render(**names))

    async def _events(self, request: Request) -> Response:
        """The stream of changes for a page that shows one issue."""
        hello = {"generation": self.desk.generation}
        stream = self.live.events(request.query_params.get("issue", ""), hello)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def _test(self, request: Request) -> Response:
        """Sends a test: where each message went, or why none did."""
        async with request.form(max_fields=10, max_files=0) as form:
            words = {name: str(value) for name, value in form.items()}
        try:
            addresses = [line.strip() for line in words.get("addresses", "").splitlines() if line.strip()]
            if not addresses:
                raise UsageError("no address is given", hint="one on each line")
            issue_id = self._known(words.get("issue", ""))
            reader = await asyncio.to_thread(self.desk.reader, issue_id, words)
            sent = await asyncio.to_thread(self.desk.send_test, issue_id, addresses, reader)
        except NewsletterError as error:
            return JSONResponse({"problem": self._problem(error)}, 422)
        return JSONResponse({"sent": [line.removeprefix(f"{self.desk.root}/") for line in sent]})

    # --- the mail's origin ----------------------------------------------------------------------------------

    async def _elsewhere(self, request: Request) -> Response:
        """The page is under the other name."""
        return RedirectResponse(self.url)

    async def _stage(self, request: Request) -> Response:
        """The page that holds the frames of emails, and no email itself."""
        app = self.guard.app_origin
        page = _TEMPLATES.get_template("stage.html").render(app=app)
        return HTMLResponse(page, headers=self._policy(STAGE_POLICY))

    def _email(self, request: Request) -> Response:
        """An email, for a frame."""
        pictures = f"/{self.token}/picture"
        try:
            issue_id = self._known(request.path_params["issue"])
            page = frame_page(self.desk, issue_id, request.query_params, pictures=pictures)
        except NewsletterError as error:
            told = self._problem(error)
            page = (
                '<!DOCTYPE html><html lang="en" data-problem><head><title>Error</title></head><body>'
                f"<p>{escape(told['where'])}</p><p>{escape(told['message'])}</p><p>{escape(told['hint'])}</p></body></html>"
            )
        return HTMLResponse(page, headers=self._policy(EMAIL_POLICY))

    def _picture(self, request: Request) -> Response:
        """A picture that the email brings along."""
        variant = _or_none(lambda: self.desk.variant(self._known(request.path_params["issue"])))
        for picture in variant.pictures.values() if variant else ():
            if picture.cid == request.path_params["cid"]:
                headers = {
                    **self._policy(EMAIL_POLICY),
                    "cache-control": "private, max-age=3600",
                }  # by its content
                return Response(picture.content, media_type=picture.content_type, headers=headers)
        return Response(status_code=404)

    def _known(self, issue_id: str) -> str:
        """`issue_id`, if it is that of an issue: what else stands in an address never becomes a path."""
        if issue_id not in (line.id for line in self.desk.issues()):
            raise IssueError("there is no such issue", hint="make one with: newsletter draft")
        return issue_id

    def _told(self, issue_id: str, files: list[str]) -> dict[str, object]:
        """What a page that shows `issue_id` is told of a change of `files`."""
        error = self.desk.problem(issue_id) if issue_id else None
        return {
            "generation": self.desk.generation,
            "files": files,
            "problem": self._problem(error) if error else None,
        }

    def _problem(self, error: NewsletterError) -> dict[str, str]:
        where = error.where.removeprefix(f"{self.desk.root}/")
        return {"where": where, "message": error.message, "hint": error.hint, "excerpt": error.excerpt}

    def _policy(self, policy: str) -> dict[str, str]:
        return {"content-security-policy": policy.format(app=self.guard.app_origin)}


def _or_none(make: Callable[[], T]) -> T | None:
    """What `make` gives, or None where it fails: its place says why elsewhere."""
    try:
        return make()
    except NewsletterError:
        return None


async def _static(request: Request) -> Response:
    """A style sheet or a script of the preview's own."""
    kind, content = _STATIC.get(request.path_params["name"], ("", b""))
    if not kind:
        return Response(status_code=404)
    # The token in the address is another at the next start, so nothing old is ever used.
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=86400"})


class _Server(uvicorn.Server):
    """uvicorn, whose end is not held up by a stream of events."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._live.stop()
        super().handle_exit(sig, frame)


@contextmanager
def listen(port: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen on `port` of this machine alone, by both of its addresses; on any free one if it is 0.

    Both, because a browser asks for localhost at ::1 first: who listened there would be told the token.  Raises UsageError,
    if the port is taken.
    """
    with ExitStack() as stack:
        listening: list[socket.socket] = []
        try:
            for family, address in ((socket.AF_INET, APP_HOST), (socket.AF_INET6, "::1")):
                one = stack.enter_context(socket.socket(family))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, listening[0].getsockname()[1] if listening else port))
                one.listen(128)
                listening.append(one)
        except OSError as error:
            has_no_ipv6 = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
            if not (listening and has_no_ipv6):
                raise UsageError(
                    f"port {port} cannot be used: {error.strerror}",
                    hint="another with --port, or none for any free one",
                ) from error
        yield listening


def serve(root: Path, *, port: int, issue_id: str, opened: Callable[[str], None]) -> None:
    """The preview of the publication in `root`, until it is interrupted; `opened` is given its address once.

    `port` 0 is any free one.  Raises UsageError, if the port is taken.
    """
    with listen(port) as listening:
        preview = Preview(root, port=listening[0].getsockname()[1], issue_id=issue_id)
        opened(preview.url)
        config = uvicorn.Config(
            preview.guard,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="on",
            ws="none",
        )
        with suppress(KeyboardInterrupt):  # the way in which it ends
            _Server(config, preview.live).run(sockets=listening)
