"""ASGI middleware that limits which clients may use the server and how much they may send.

By default only this machine can reach the server; at other addresses, clients need a token.
`protect` wraps an application in four layers, outermost first:

    BasePathMiddleware      the path below which a reverse proxy serves the studio
    LimitsMiddleware        response headers, size of bodies, slow clients, unexpected errors
    TrustedHostMiddleware   the Host header, against DNS rebinding (Starlette's)
    AccessMiddleware        Origin and Fetch Metadata against other sites' pages; the token

These are plain ASGI middleware, since Starlette's `BaseHTTPMiddleware` interferes with streaming.
"""

import asyncio
import hmac
import json
import secrets
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentarium.errors import error_to_json
from latentarium.studio.deployment import DIRECT, BasePathMiddleware, Deployment
from latentarium.texts import Text

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ANY_ADDRESS = {"0.0.0.0", "::"}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors "
)
"""The content security policy, which ends with the origins of pages that may embed the studio."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API = "/api"
CODE_HEADER = "X-Error-Code"
"""Response header with the code of an error; see `UserError`."""
INTERNAL_ERROR = Text("Internal server error; see the terminal log.")
MAX_BODY_BYTES = 4 << 20
"""Largest body of a request that is not an upload."""
MAX_UPLOAD_BYTES = 256 << 20
SEND_TIMEOUT = 30.0
"""Seconds in which a client must accept each part of a response; otherwise it is disconnected, so
that it doesn't occupy a slot."""


class BodyTooLargeError(Exception):
    """The body of a request exceeds the limit."""


def protect(
    app: FastAPI,
    *,
    host: str,
    token: str,
    deployment: Deployment = DIRECT,
    max_body: int = MAX_BODY_BYTES,
    max_upload: int = MAX_UPLOAD_BYTES,
    send_timeout: float = SEND_TIMEOUT,
) -> None:
    """Add all layers to an application.

    Arguments:
        app: The application.
        host: The address at which the server listens.
        token: The secret that clients must know; "" for none.
        deployment: How the studio is reached.
        max_body: The largest body in bytes.
        max_upload: The largest body of an upload in bytes.
        send_timeout: Seconds in which a client must accept each part of a response.
    """
    # the middleware that is added last is the outermost
    app.add_middleware(AccessMiddleware, token=token, deployment=deployment)
    app.add_middleware(
        TrustedHostMiddleware,
        allowed_hosts=[*allowed_hosts(host), *(name.lower() for name in deployment.hosts)],
        www_redirect=False,
    )
    app.add_middleware(
        LimitsMiddleware,
        max_body=max_body,
        max_upload=max_upload,
        private=bool(token),
        send_timeout=send_timeout,
        frames=deployment.frames,
    )
    if deployment.base_path:
        app.add_middleware(BasePathMiddleware, base_path=deployment.base_path.rstrip("/"))


def allowed_hosts(host: str) -> list[str]:
    """Return the names by which a server that listens at `host` may be addressed."""
    if host in ANY_ADDRESS:
        return ["*"]
    names = sorted(LOOPBACK) if host in LOOPBACK else [host]
    return [f"[{name}]" if ":" in name else name for name in names]


def error_response(
    message: str, status: int, code: str, headers: dict[str, str] | None = None
) -> Response:
    """Return an error as JSON, with its code in a header too; see `error_to_json`."""
    text = json.dumps(error_to_json(message, code), ensure_ascii=False)
    content = text.encode("utf-8", "replace")  # a message may name a file
    all_headers = {**(headers or {}), CODE_HEADER: code}
    return Response(content, status, all_headers, media_type="application/json")


def refusal_response(message: str, status: int, code: str) -> Response:
    """Return an error as plain text, which a browser shows for a wrong address."""
    return PlainTextResponse(message, status, {CODE_HEADER: code})


class LimitsMiddleware:
    """Limits bodies and slow clients, adds security headers, and reports unexpected errors.

    Arguments:
        app: The wrapped application.
        max_body: The largest body in bytes.
        max_upload: The largest body of an upload in bytes.
        private: Whether shared caches must not store responses.
        send_timeout: See `SEND_TIMEOUT`.
        frames: The origins of pages that may embed the studio.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body: int = MAX_BODY_BYTES,
        max_upload: int = MAX_UPLOAD_BYTES,
        private: bool = False,
        send_timeout: float = SEND_TIMEOUT,
        frames: tuple[str, ...] = (),
    ) -> None:
        self.app = app
        self.send_timeout = send_timeout
        self.max_body = max_body
        self.max_upload = max_upload
        policy = POLICY + (" ".join(["'self'", *frames]) if frames else "'none'")
        headers = HEADERS | {"Content-Security-Policy": policy}
        headers |= {"Cache-Control": "private"} if private else {}
        self._headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_upload = scope["path"].startswith(f"{API}/uploads")
        limit = self.max_upload if is_upload else self.max_body
        received, started, exceeded = 0, False, False

        async def limited_receive() -> Message:
            nonlocal received, exceeded
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                exceeded = True
                raise BodyTooLargeError
            return message

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if exceeded and not started:  # replace a response to a part of the body
                raise BodyTooLargeError
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), *self._headers]
            try:
                async with asyncio.timeout(self.send_timeout):
                    await send(message)
            except TimeoutError:
                raise ClientDisconnect from None

        too_large = error_response(
            Text("The request has more than {mebibytes} MiB; send less.", mebibytes=limit >> 20),
            413,
            "too-large",
        )
        if _content_length(scope) > limit:
            await too_large(scope, receive, guarded_send)
            return
        try:
            await self.app(scope, limited_receive, guarded_send)
        except ClientDisconnect:
            return  # nobody is left to read a response
        except BodyTooLargeError:
            if not started:
                exceeded = False
                await too_large(scope, receive, guarded_send)
        except Exception:
            if not started:
                response = error_response(INTERNAL_ERROR, 500, "internal")
                await response(scope, receive, guarded_send)
            raise  # Starlette logs it


class AccessMiddleware:
    """Refuses other sites' pages, and clients without the token.

    Arguments:
        app: The wrapped application.
        token: The secret that clients must know; "" for none.
        deployment: How the studio is reached.
    """

    def __init__(self, app: ASGIApp, token: str = "", deployment: Deployment = DIRECT) -> None:
        self.app = app
        self.token = token
        self.deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = self._refusal(connection)
        if scope["type"] == "http":
            app = refusal or self._token_redirect(connection) or self.app
            await app(scope, receive, send)
        elif refusal:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        """Return the response to a client that is refused; None for any other."""
        headers = connection.headers
        reason = foreign_origin(
            headers.get("host", ""), headers.get("origin"), self.deployment.hosts
        )
        reason = reason or foreign_embedding(
            headers.get("sec-fetch-site", ""), headers.get("sec-fetch-mode", ""),
            headers.get("sec-fetch-dest", ""), connection.scope["path"],
            may_frame=bool(self.deployment.frames),
        )  # fmt: skip
        if reason:
            return refusal_response(reason, 403, "foreign-origin")
        tokens = (
            connection.query_params.get("token", ""),
            connection.cookies.get(cookie_name(connection), ""),
        )
        if not any(matches_token(given, self.token) for given in tokens):
            return refusal_response(
                "The token is missing or wrong: open the address that the command line printed.",
                401,
                "token-required",
            )
        return None

    def _token_redirect(self, connection: HTTPConnection) -> Response | None:
        """Return a redirect that moves the token from the page's address to a cookie.

        Addresses are copied and stored in the browser's history. None if the request doesn't open
        the page or has no valid token.
        """
        path, given = connection.scope["path"], connection.query_params.get("token", "")
        opens_page = connection.scope["method"] in ("GET", "HEAD") and not path.startswith(API)
        if not (self.token and opens_page and matches_token(given, self.token)):
            return None
        # a relative address, since the page may be served below a path
        response = RedirectResponse(f"./{path.rpartition('/')[2]}", 303)
        # "strict" would not send the cookie when a link in an e-mail opens the page
        response.set_cookie(cookie_name(connection), self.token, httponly=True, samesite="lax")
        return response


def foreign_origin(host_header: str, origin: str | None, hosts: tuple[str, ...] = ()) -> str:
    """Return why the Origin header is refused; "" if it is missing, this server, or one of its
    other host names."""
    try:
        netloc = None if origin is None else urlsplit(origin).netloc
        if netloc and urlsplit(origin or "").hostname in {h.strip("[]").lower() for h in hosts}:
            return ""
    except ValueError:  # an unclosed bracket
        return "The Origin header is not an address: open the studio's page directly."
    if netloc is not None and netloc != host_header:
        return "Requests from other sites' pages are refused: open the studio's page directly."
    return ""


def foreign_embedding(
    site: str, mode: str, dest: str, path: str, *, may_frame: bool = False
) -> str:
    """Return why a request is refused by its Sec-Fetch headers; "" if it is not.

    Browsers send no Origin header for images and frames. Another site may link to the page, but
    not embed any resource, except the page itself where the policy names the sites that may.
    """
    documents = ("document", "iframe") if may_frame else ("document",)
    is_link = mode == "navigate" and dest in documents and not path.startswith(API)
    refused = site in ("cross-site", "same-site") and not is_link
    return "Other sites' pages may not embed the studio: open it directly." if refused else ""


def cookie_name(connection: HTTPConnection) -> str:
    """Return the name of the token's cookie, which contains the port.

    All servers of a host share their cookies, whatever their ports.
    """
    port = connection.headers.get("host", "").rpartition(":")[2]
    return f"latentarium-{port if port.isascii() and port.isdigit() else 80}"


def matches_token(given: str, token: str) -> bool:
    """Compare a client's token in constant time; return True if no token is needed."""
    return not token or hmac.compare_digest(given.encode(), token.encode())


def new_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(24)


def _content_length(scope: Scope) -> int:
    try:
        return int(HTTPConnection(scope).headers.get("content-length", "0"))
    except ValueError:
        return 0
