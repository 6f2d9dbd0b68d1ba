"""Who may speak to the studio, and how much they may say.

It answers this machine only, unless told otherwise; then a token is needed. Host and Origin are
checked, so that no other page can speak to it through the visitor's browser.
"""

import asyncio
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API = "/api"
FAULT = "The studio has failed here: what it printed in its terminal says how."
LARGEST_BODY = 4 << 20
"""Bytes of a request that is no upload."""
LARGEST_UPLOAD = 256 << 20
SLOWEST = 30.0
"""Seconds in which a visitor takes a part of an answer, or goes: others may wait for its place."""


class TooLarge(Exception):
    """More was sent than is taken."""


class Guard:
    """Middleware: turns strangers away, ends what is too long, and forbids the page what it does
    not need. A plain ASGI one, since what is streamed must not wait for its end.

    Arguments:
        app: What is guarded.
        host: The address that it answers at.
        token: What a visitor must know; empty: nothing.
    """

    def __init__(self, app: ASGIApp, host: str, token: str) -> None:
        self.app, self.host, self.token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visitor = HTTPConnection(scope)
        refusal = self.refusal(visitor)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        limit = LARGEST_UPLOAD if scope["path"].startswith(f"{API}/uploads") else LARGEST_BODY
        taken, begun, over = 0, False, False

        async def bounded() -> Message:
            nonlocal taken, over
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                over = True
                raise TooLarge
            return message

        async def marked(message: Message) -> None:
            nonlocal begun
            if over and not begun:  # what is said of the part that was read is of no interest
                raise TooLarge
            if message["type"] == "http.response.start":
                begun = True
                headers = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                if self.token:
                    headers.append((b"cache-control", b"private"))
                message["headers"] = [*message.get("headers", []), *headers]
            try:
                async with asyncio.timeout(SLOWEST):
                    await send(message)
            except TimeoutError:
                raise ClientDisconnect from None

        app = refusal or self.welcome(visitor) or self.app
        too_large = PlainTextResponse(
            f"That is more than the {limit >> 20} MiB that are taken: send less.", 413
        )
        try:
            said = int(visitor.headers.get("content-length", "0"))
        except ValueError:
            said = 0
        if app is self.app and said > limit:
            await too_large(scope, receive, marked)
            return
        try:
            await app(scope, bounded, marked)
        except ClientDisconnect:
            return  # in the middle of what was sent: nobody listens
        except TooLarge:
            if not begun:
                over = False
                await too_large(scope, receive, marked)
        except Exception:
            if not begun:
                await PlainTextResponse(FAULT, 500)(scope, receive, marked)
            raise  # to who writes it down

    def refusal(self, visitor: HTTPConnection) -> Response | None:
        """Why a visitor is turned away; None where it is not."""
        origin = visitor.headers.get("origin")
        reason = refuse(visitor.headers.get("host", ""), origin, self.host)
        reason = reason or embedded(
            visitor.headers.get("sec-fetch-site", ""), visitor.headers.get("sec-fetch-mode", ""),
            visitor.headers.get("sec-fetch-dest", ""), visitor.scope["path"],
        )  # fmt: skip
        if reason:
            return PlainTextResponse(reason, 403)
        given = (visitor.query_params.get("token", ""), visitor.cookies.get(cookie(visitor), ""))
        if not any(knows(one, self.token) for one in given):
            text = "Open the address that the command line printed, token and all."
            return PlainTextResponse(text, 401)
        return None

    def welcome(self, visitor: HTTPConnection) -> Response | None:
        """Whoever comes to the page with the token in its address keeps it as a cookie, and goes
        on to the bare address, which may be copied; None for all others."""
        path, given = visitor.scope["path"], visitor.query_params.get("token", "")
        reads = visitor.scope["method"] in ("GET", "HEAD") and not path.startswith(API)
        if not (self.token and reads and knows(given, self.token)):
            return None
        answer = RedirectResponse(f"/{path.lstrip('/')}", 303)
        # not "strict": a link in a mail to this page is followed to the bare address too
        answer.set_cookie(cookie(visitor), self.token, httponly=True, samesite="lax")
        return answer


def refuse(host_header: str, origin: str | None, host: str) -> str:
    """Why a visitor is turned away; empty where it is not. A page of another site may name this
    server's address as its own (DNS rebinding) or ask it through the visitor's browser."""
    allowed = LOOPBACK if host in LOOPBACK else {host}
    try:
        name = urlsplit(f"//{host_header}").hostname or ""
        asks = None if origin is None else urlsplit(origin).netloc
    except ValueError:  # a bracket that is not closed
        return "This is no address."
    if host not in ("0.0.0.0", "::") and name not in allowed:
        return f"This is not {name}."
    if asks is not None and asks != host_header:
        return "Another site's page may not ask."
    return ""


def embedded(site: str, mode: str, dest: str, path: str) -> str:
    """Why what another site's page embeds is not given, as the browser says of a request: an image
    or a frame has no Origin. A link may lead to the page."""
    link = mode == "navigate" and dest == "document" and not path.startswith(API)
    strange = site in ("cross-site", "same-site") and not link
    return "Another site's page may not embed this." if strange else ""


def cookie(visitor: HTTPConnection) -> str:
    """What the token's cookie is called: all servers of a host, whatever their ports, share its
    cookies."""
    port = visitor.headers.get("host", "").rpartition(":")[2]
    return f"latentarium-{port if port.isascii() and port.isdigit() else 80}"


def knows(given: str, token: str) -> bool:
    """Whether a visitor knows the token, where there is one."""
    return not token or hmac.compare_digest(given.encode(), token.encode())


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)
