"""How the studio is reached: by a reverse proxy, below a path, or in another page's frame."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from latentarium.errors import UserError

HOST_NAME = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]", re.ASCII)
ORIGIN = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?", re.ASCII)
BASE_PATH = re.compile(r"(/[^/?#\\\s]+)+/?")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """How the studio is reached, if not directly at its own address.

    Arguments:
        base_path: The path below which a reverse proxy serves the studio, such as "/studio"; ""
            for none.
        hosts: Other host names by which clients address the studio, such as that of the proxy.
        frames: The origins of pages that may embed the studio in a frame.

    Raises:
        UserError: A value is malformed (code "invalid-address").
    """

    base_path: str = ""
    hosts: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.base_path and not BASE_PATH.fullmatch(self.base_path):
            raise _invalid("base-path", self.base_path, "a path such as /studio")
        for host in self.hosts:
            if not HOST_NAME.fullmatch(host):
                raise _invalid("allow-host", host, "a host name without a port: example.org")
        for frame in self.frames:
            if not ORIGIN.fullmatch(frame):
                raise _invalid("allow-frame", frame, "an origin such as http://localhost:8888")


def _invalid(option: str, value: str, form: str) -> UserError:
    return UserError(f"{option} is {value!r}; it must be {form}.", code="invalid-address")


DIRECT = Deployment()
"""Directly at its own address, and in no frame."""


class BasePathMiddleware:
    """Removes the path below which a reverse proxy serves the studio.

    Requests without it are left as they are, since many proxies remove it themselves.

    Arguments:
        app: The wrapped application.
        base_path: The path, without a slash at the end.
    """

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self.app = app
        self.base_path = unquote(base_path)  # as servers decode the paths of requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        app = self.app
        if path == self.base_path and scope["type"] == "http":
            query = scope["query_string"].decode("latin-1")
            app = RedirectResponse(f"{path}/" + (f"?{query}" if query else ""), 307)
        elif path.startswith(f"{self.base_path}/"):
            scope = {**scope, "path": path[len(self.base_path) :]}
        await app(scope, receive, send)
