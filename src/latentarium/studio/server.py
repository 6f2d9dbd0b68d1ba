"""The studio's server: the page, what it asks for over HTTP, and the decode socket."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from threadpoolctl import threadpool_limits

from latentarium.errors import UserError
from latentarium.studio.compare.evaluation_queue import EvaluationQueue
from latentarium.studio.processes import Processes
from latentarium.studio.protocol import (
    LARGEST,
    REQUEST,
    id_of,
    read_request,
    write_error,
    write_reply,
)
from latentarium.studio.query.decode import answer_request, row_sizes
from latentarium.studio.redact import brief
from latentarium.studio.registry import Gallery, Missing
from latentarium.studio.routes import (
    checkups,
    comparison,
    events,
    explore,
    lab,
    models,
    samples,
    training,
    uploads,
)
from latentarium.studio.routes import query as given
from latentarium.studio.routes import snapshots as moments
from latentarium.studio.security import LOOPBACK, Guard
from latentarium.studio.training.jobs import Trainings
from latentarium.studio.training.uploads import Uploads

STATIC = Path(str(files("latentarium.studio") / "static"))
NO_PAGE = """<!doctype html><title>latentarium studio</title>
<h1>The page is not built</h1>
<p>This installation has no studio page. In a clone, run <code>pip install --editable .</code>,
which builds it; a wheel has it. The server itself works: see /api/models.</p>
"""


def make_app(
    gallery: Gallery, *, host: str = "127.0.0.1", token: str = "", runs: Path = Path("runs")
) -> FastAPI:
    """The server as an application.

    Arguments:
        gallery: The models on show.
        runs: The folder in which trainings are found and started.
        host: The address that it answers at.
        token: What a visitor must know; empty: nothing, which only a loopback address may have.

    Raises:
        UserError: An address that others reach, and no token.
    """
    if host not in LOOPBACK and not token:
        raise UserError(f"{host} can be reached by others: give a token.")
    # scikit-learn sets this for each of its searches, and sets it back while another one runs:
    # then OpenBLAS "may hang", as it says
    threadpool_limits(1, user_api="blas")
    app = FastAPI(title="latentarium studio", docs_url=None, redoc_url=None)
    app.state.ends = lambda: False  # who serves it knows better
    app.add_middleware(Guard, host=host, token=token)
    app.state.sentence = _sentences(gallery, runs)
    app.add_exception_handler(UserError, _said)
    app.add_exception_handler(OSError, _said)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _refused)
    images = Uploads(runs / "uploads")
    trainings = Trainings(runs, gallery, images)
    measuring = EvaluationQueue(Processes(runs / ".studio" / "measure"))
    routers = (
        models.router(gallery), explore.router(gallery), given.router(gallery),
        samples.router(gallery), comparison.router(gallery, measuring), moments.router(gallery),
        lab.router(), training.router(trainings), events.router(trainings),
        checkups.router(trainings), uploads.router(images),
    )  # fmt: skip
    for routes in routers:
        app.include_router(routes)
    app.add_api_websocket_route("/decode", decode_socket(gallery))
    if (STATIC / "index.html").is_file():
        app.mount("/", StaticFiles(directory=STATIC, html=True))
    else:

        @app.get("/")
        def no_page() -> HTMLResponse:
            return HTMLResponse(NO_PAGE)

    return app


def decode_socket(gallery: Gallery) -> Callable[[WebSocket], object]:
    """The socket over which the page decodes; one thread serves all visitors, and others those
    who must wait for a map, so that nobody else does."""
    quick, slow = ThreadPoolExecutor(1, "decode"), ThreadPoolExecutor(2, "first decode")

    async def decode(socket: WebSocket) -> None:
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
                worker = quick if is_quick(gallery, content) else slow
                reply = await loop.run_in_executor(worker, answer, gallery, content[: LARGEST + 1])
                await socket.send_bytes(reply)
        except (WebSocketDisconnect, RuntimeError):
            return  # the page is gone

    return decode


def is_quick(gallery: Gallery, content: bytes) -> bool:
    """Whether a frame can be answered at once."""
    if len(content) < REQUEST.size:
        return True
    _, model, *_, moment = REQUEST.unpack_from(content)
    return gallery.is_ready(model, moment)


def answer(gallery: Gallery, content: bytes) -> bytes:
    """The reply to a frame, whatever it holds."""
    try:
        request = read_request(
            content,
            tuple(row_sizes(one.latent_map) for one in gallery),
            tuple(one.latent_map.model.num_classes for one in gallery),
        )
        found = answer_request(gallery.latent_map(request.model, request.moment), request)
    except UserError as error:
        return write_error(id_of(content), str(error))
    except Exception:  # whatever it is, the page must live on
        logging.getLogger(__name__).exception("A decode failed.")
        return write_error(id_of(content), "This place can't be decoded: move elsewhere.")
    return write_reply(request, found.pixels, found.scores)


def _sentences(gallery: Gallery, runs: Path) -> Callable[[Exception], str]:
    """What a person can mend, or a disk that fails, as one sentence."""

    def sentence(error: Exception) -> str:
        said = str(error)
        if isinstance(error, OSError):
            what = f"Can't use {error.filename or 'a file'}: {error.strerror or 'it failed'}."
            said = f"{what} Mend that and try again."
        return brief(said, gallery, runs)

    return sentence


def _said(request: Request, error: Exception) -> PlainTextResponse:
    code = 404 if isinstance(error, Missing) else 422
    return PlainTextResponse(request.app.state.sentence(error), code)


def _refused(request: Request, error: Exception) -> PlainTextResponse:
    assert isinstance(error, HTTPException)
    text = f"{error.detail}: reload the page."
    return PlainTextResponse(text, error.status_code, error.headers)


def _misread(request: Request, error: Exception) -> PlainTextResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return PlainTextResponse(f"{where}: {first['msg']}. Reload the page.", 422)
