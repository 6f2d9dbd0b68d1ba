"""The studio's server: the page, the maps, and the decode socket.

It answers this machine only, unless told otherwise; then a token is needed. Host and Origin are
checked, so that no other page can speak to it through the visitor's browser.
"""

import asyncio
import hmac
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from latentarium.errors import UserError
from latentarium.studio.atlas import Atlas
from latentarium.studio.frames import LARGEST, TRUST, id_of, read_request, write_error, write_reply

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
STATIC = Path(str(files("latentarium.studio") / "static"))
NO_PAGE = """<!doctype html><title>latentarium studio</title>
<h1>The page is not built</h1>
<p>This installation has no studio page. In a clone, run <code>pip install --editable .</code>,
which builds it; a wheel has it. The server itself works: see /api/models.</p>
"""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A model on show."""

    name: str
    """Short, for people."""
    folder: str
    """Where the run lies; shipped:NAME for a model of the package."""
    kind: str
    """autoencoder, VAE, GAN, conditional GAN."""
    atlas: Atlas

    def describe(self, index: int) -> dict[str, Any]:
        """What the page must know of it."""
        model, data = self.atlas.model, self.atlas.data
        return {
            "id": index,
            "name": self.name,
            "folder": self.folder,
            "kind": self.kind,
            "latent_dim": model.latent_dim,
            "image_shape": list(model.image_shape),
            "classes": list(model.classes or data.card.classes),
            "asks_class": model.decodes_label,
            "has_map": self.atlas.has_map,
            "images": len(data.train),
            "data": data.card.source,
            "trust": list(TRUST),
            "gaps": self.atlas.gap_definitions(),
        }


def make_app(exhibits: Sequence[Exhibit], *, host: str = "127.0.0.1", token: str = "") -> FastAPI:
    """The server as an application.

    Arguments:
        exhibits: The models on show.
        host: The address that it answers at.
        token: What a visitor must know; empty: nothing, which only a loopback address may have.

    Raises:
        UserError: An address that others reach, and no token.
    """
    if host not in LOOPBACK and not token:
        raise UserError(f"{host} can be reached by others: give a token.")
    app = FastAPI(title="latentarium studio", docs_url=None, redoc_url=None)
    worker = ThreadPoolExecutor(1, "decode")

    @app.middleware("http")
    async def guard(
        request: Request, proceed: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        refusal = refuse(request.headers.get("host", ""), None, host)
        if refusal:
            return Response(refusal, 403)
        given = request.query_params.get("token") or request.cookies.get("token", "")
        if not knows(given, token):
            return Response("Open the address that the command line printed, token and all.", 401)
        response = await proceed(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if token:
            response.set_cookie("token", token, httponly=True, samesite="strict")
        return response

    def exhibit(index: int) -> Exhibit:
        if not 0 <= index < len(exhibits):
            raise HTTPException(404, f"There is no model {index} here: reload the page.")
        return exhibits[index]

    @app.get("/api/models")
    def models() -> list[dict[str, Any]]:
        return [one.describe(i) for i, one in enumerate(exhibits)]

    @app.get("/api/models/{index}/map")
    def map_of(index: int) -> Response:
        """u32 n, n rows of float32 x and y, n bytes of class numbers (255: none)."""
        atlas = exhibit(index).atlas
        if not atlas.has_map:
            raise HTTPException(404, "This model has no encoder, and so no map of images.")
        points, labels = atlas.points(), atlas.data.train.labels
        classes = bytes([255]) * len(points) if labels is None else bytes(labels.clamp_max(254))
        content = len(points).to_bytes(4, "little") + points.astype("<f4").tobytes() + classes
        return Response(content, media_type="application/octet-stream")

    @app.get("/api/models/{index}/plane")
    def plane_of(index: int) -> dict[str, Any]:
        atlas = exhibit(index).atlas
        if not atlas.has_map:
            raise HTTPException(404, "This model has no encoder, and so no map of images.")
        return {
            "variance_share": atlas.plane.variance_share,
            "ellipses": [
                [
                    {
                        "x": float(one.centre[0]), "y": float(one.centre[1]),
                        "major": one.major, "minor": one.minor, "angle": one.angle,
                    }
                    for one in ring
                ]
                for ring in atlas.ellipses()
            ],
        }  # fmt: skip

    @app.get("/api/models/{index}/gaps/{definition}")
    def gaps_of(
        index: int, definition: str, left: float, right: float, low: float, high: float
    ) -> Response:
        """u32 cells of a side, then the grid as float32, the topmost row first."""
        try:
            grid = exhibit(index).atlas.gaps(definition, (left, right, low, high))
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        content = len(grid).to_bytes(4, "little") + grid.astype("<f4").tobytes()
        return Response(content, media_type="application/octet-stream")

    @app.get("/api/models/{index}/images/{number}")
    def image_of(index: int, number: int) -> Response:
        """A training image: uint8, row by row, channels last."""
        images = exhibit(index).atlas.data.train.images
        if not 0 <= number < len(images):
            raise HTTPException(404, f"There is no image {number}: there are {len(images):,}.")
        pixels = images[number].permute(1, 2, 0).contiguous().numpy().tobytes()
        return Response(pixels, media_type="application/octet-stream")

    @app.websocket("/decode")
    async def decode(socket: WebSocket) -> None:
        given = socket.query_params.get("token") or socket.cookies.get("token", "")
        origin = socket.headers.get("origin")
        refused = refuse(socket.headers.get("host", ""), origin, host)
        if refused or not knows(given, token):
            await socket.close(1008)
            return
        await socket.accept()
        loop = asyncio.get_running_loop()
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                content = message.get("bytes")
                if content is None:
                    await socket.send_bytes(write_error(0, "Frames are binary: reload the page."))
                    continue
                reply = await loop.run_in_executor(
                    worker, answer, exhibits, content[: LARGEST + 1]
                )
                await socket.send_bytes(reply)
        except (WebSocketDisconnect, RuntimeError):
            return  # the page is gone

    if (STATIC / "index.html").is_file():
        app.mount("/", StaticFiles(directory=STATIC, html=True))
    else:

        @app.get("/")
        def no_page() -> HTMLResponse:
            return HTMLResponse(NO_PAGE)

    return app


def prepare(exhibits: Sequence[Exhibit]) -> threading.Thread:
    """Encodes the images of all models, one model after the other, beside the server."""

    def work() -> None:
        for one in exhibits:
            one.atlas.prepare()

    thread = threading.Thread(target=work, name="prepare", daemon=True)
    thread.start()
    return thread


def answer(exhibits: Sequence[Exhibit], content: bytes) -> bytes:
    """The reply to a frame, whatever it holds."""
    try:
        request = read_request(
            content,
            tuple(one.atlas.columns() for one in exhibits),
            tuple(one.atlas.model.num_classes for one in exhibits),
        )
        found = exhibits[request.model].atlas.answer(request)
    except UserError as error:
        return write_error(id_of(content), str(error))
    except Exception:  # whatever it is, the page must live on
        logging.getLogger(__name__).exception("A decode failed.")
        return write_error(id_of(content), "This place can't be decoded: move elsewhere.")
    return write_reply(request, found.pixels, found.trust)


def refuse(host_header: str, origin: str | None, host: str) -> str:
    """Why a visitor is turned away; empty where it is not. A page of another site may name this
    server's address as its own (DNS rebinding) or open a socket to it."""
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


def knows(given: str, token: str) -> bool:
    """Whether a visitor knows the token, where there is one."""
    return not token or hmac.compare_digest(given.encode(), token.encode())


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)
