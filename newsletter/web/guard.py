"""Who may ask the preview what: a page on the web that the same browser has open must get nothing from it.

    http://127.0.0.1:PORT/TOKEN/   the app: its page, its style sheet, its script, what it asks for
    http://localhost:PORT/TOKEN/   the mail: the stage, and the emails in their frames

Two names of one machine are two origins, so that an email, whatever is in it, is never in the app's; it has no scripts
either, by the sandbox of its frame and by that in its own header.  A Host that is another name is refused (DNS rebinding,
421), a POST from another Origin as well (403), and without the token in the path nothing is there (404).

Pure.  Source: RFC 9110, section 15.5.20 (421); HTML, section 4.8.5 (sandbox); CSP Level 3.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

APP_HOST, MAIL_HOST = "127.0.0.1", "localhost"
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",  # the token is in the address
    "x-content-type-options": "nosniff",
}
_ENCODED = {name.encode(): value.encode() for name, value in _HEADERS.items()}
_APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src {mail}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
STAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {app}"
)
#: `allow-same-origin`: of the mail's origin, so that the stage can measure the email.  No scripts, forms, windows.
EMAIL_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; img-src https: data: 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self' {app}"
)


class Guard:
    """The two apps behind one port: each request is answered by one of them, or refused."""

    def __init__(self, app: ASGIApp, mail: ASGIApp, *, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._apps: Mapping[str, ASGIApp] = {
            f"{APP_HOST}:{port}": app,
            f"[::1]:{port}": app,
            f"{MAIL_HOST}:{port}": mail,
        }
        self.app_origin = f"http://{APP_HOST}:{port}"
        self.mail_origin = f"http://{MAIL_HOST}:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; ASGI."""
        if scope["type"] == "lifespan":
            await self._apps[f"{APP_HOST}:{self._port}"](scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        app = self._apps.get(host)
        first, _, rest = scope["path"].removeprefix("/").partition("/")
        refusal = None
        if app is None:
            refusal = PlainTextResponse("this is not a name of this server", 421)
        elif not hmac.compare_digest(first.encode(), self._token.encode()):
            refusal = PlainTextResponse(
                "not found: the address is the one that was printed at the start", 404
            )
        elif scope["method"] == "POST" and headers.get("origin") != f"http://{host}":
            refusal = PlainTextResponse("a page elsewhere may not do this", 403)
        if refusal:
            await refusal(scope, receive, self._guarded(send))
            return
        assert app is not None
        scope = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode(), "root_path": ""}
        await app(scope, receive, self._guarded(send))

    def _guarded(self, send: Send) -> Send:
        """`send` with the headers that every answer has; what an answer has itself stays."""
        policy = _APP_POLICY.format(mail=self.mail_origin).encode()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                extra = {**_ENCODED, b"content-security-policy": policy}
                extra = {name: value for name, value in extra.items() if name not in names}
                message = {**message, "headers": [*message["headers"], *extra.items()]}
            await send(message)

        return send_guarded
