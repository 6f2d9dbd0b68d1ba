"""The studio's application: the page, the HTTP API and the decode socket."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from threadpoolctl import threadpool_limits

from latentarium.config import Range
from latentarium.config.validation import shown
from latentarium.errors import UserError
from latentarium.studio.child_processes import ChildProcesses, CommandLine
from latentarium.studio.compare.evaluation_queue import EvaluationQueue
from latentarium.studio.deployment import DIRECT, Deployment
from latentarium.studio.errors import NotFoundError
from latentarium.studio.limiter import RequestLimiter
from latentarium.studio.protocol import (
    MAX_REQUEST_BYTES,
    REQUEST,
    format_error,
    format_reply,
    parse_request,
    request_id,
)
from latentarium.studio.query.decode import answer_request, row_sizes
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.responses import TextSafeJSONResponse, error_code
from latentarium.studio.routes import all_routers
from latentarium.studio.security import (
    LOOPBACK,
    MAX_BODY_BYTES,
    SEND_TIMEOUT,
    error_response,
    protect,
)
from latentarium.studio.services import Services
from latentarium.studio.training.checkups import Checkups
from latentarium.studio.training.jobs import TrainingJobs
from latentarium.studio.training.timed_commands import TimedCommands
from latentarium.studio.training.upload_limits import UploadLimits
from latentarium.studio.training.uploads import Uploads
from latentarium.texts import Text, text_of

STATIC = Path(str(files("latentarium.studio") / "static"))
NO_PAGE = """<!doctype html><title>latentarium studio</title>
<h1>The page is not built</h1>
<p>This installation doesn't contain the studio's page. In a clone, build it with
<code>pip install --editable .</code>; wheels contain it. The server itself works: see
/api/models.</p>
"""
HTTP_CODES = {404: "not-found", 405: "method-not-allowed"}
"""Error codes of HTTP errors that the framework raises."""


def make_app(
    registry: ModelRegistry,
    *,
    host: str = "127.0.0.1",
    token: str = "",
    deployment: Deployment = DIRECT,
    runs: Path = Path("runs"),
    limiter: RequestLimiter | None = None,
    upload_limits: UploadLimits | None = None,
    max_body: int = MAX_BODY_BYTES,
    send_timeout: float = SEND_TIMEOUT,
    command: CommandLine | None = None,
) -> FastAPI:
    """Return the server as an ASGI application.

    Arguments:
        registry: The models that the page shows.
        host: The address at which the server listens.
        token: The secret that clients must know; "" for none, which is allowed only if the host
            is a loopback address.
        deployment: The reverse proxies and pages through which the studio is reached.
        runs: The folder whose trainings are listed, and in which trainings are started.
        limiter: Queues CPU-heavy requests; None: a new one.
        upload_limits: Limits of uploads; None: the default limits.
        max_body: The largest body in bytes of a request that is not an upload.
        send_timeout: Seconds in which a client must accept each part of a response.
        command: Makes the command lines of child processes; None: `latentarium_command`.

    Raises:
        UserError: The address can be reached from other machines and there is no token (code
            "token-required").
    """
    if host not in LOOPBACK and not token:
        raise UserError(
            Text("host is {host}, which other machines can reach; give a token.", host=host),
            code="token-required",
        )
    # scikit-learn limits BLAS during each neighbour search and restores the old value afterwards.
    # If two searches run at the same time, OpenBLAS may hang, so the limit is permanent.
    threadpool_limits(1, user_api="blas")
    app = FastAPI(
        title="latentarium studio",
        docs_url=None,
        redoc_url=None,
        default_response_class=TextSafeJSONResponse,
    )
    limits = upload_limits or UploadLimits()
    commands = TimedCommands(command)
    uploads = Uploads(runs / "uploads", limits, commands)
    trainings = TrainingJobs(runs, registry, uploads, command)
    app.state.is_stopping = lambda: False  # `serve` replaces it
    app.state.describe_error = _error_messages(trainings.redact)
    services = Services(
        registry=registry,
        limiter=limiter or RequestLimiter(),
        trainings=trainings,
        uploads=uploads,
        checkups=Checkups(trainings, TimedCommands(command)),
        measuring=EvaluationQueue(
            ChildProcesses(runs / ".studio" / "measure", command),
            on_evaluated=registry.look_for_classifiers,
        ),
        describe_error=app.state.describe_error,
        is_stopping=lambda: app.state.is_stopping(),
    )
    protect(
        app,
        host=host,
        token=token,
        deployment=deployment,
        max_body=max_body,
        max_upload=limits.upload_bytes,
        send_timeout=send_timeout,
    )
    app.add_exception_handler(UserError, _handle_error)
    app.add_exception_handler(OSError, _handle_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_error)
    for router in all_routers(services):
        app.include_router(router)
    app.add_api_websocket_route("/decode", decode_socket(registry))
    if (STATIC / "index.html").is_file():
        app.mount("/", StaticFiles(directory=STATIC, html=True))
    else:

        @app.get("/")
        def no_page() -> HTMLResponse:
            return HTMLResponse(NO_PAGE)

    return app


def decode_socket(registry: ModelRegistry) -> Callable[[WebSocket], object]:
    """Return the route of the socket over which the page decodes.

    One thread serves all clients. Requests that wait for a latent map to be computed run in other
    threads, so that they don't delay other requests.
    """
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
                    await socket.send_bytes(
                        format_error(0, "The frame is not binary: reload the page.")
                    )
                    continue
                worker = quick if is_quick(registry, content) else slow
                reply = await loop.run_in_executor(
                    worker, answer, registry, content[: MAX_REQUEST_BYTES + 1]
                )
                await socket.send_bytes(reply)
        except (WebSocketDisconnect, RuntimeError):
            return  # the page was closed

    return decode


def is_quick(registry: ModelRegistry, content: bytes) -> bool:
    """Return whether a frame can be answered without a long computation first."""
    if len(content) < REQUEST.size:
        return True
    _, model, *_, snapshot = REQUEST.unpack_from(content)
    return registry.is_ready(model, snapshot)


def answer(registry: ModelRegistry, content: bytes) -> bytes:
    """Return the reply to a frame, which may be malformed."""
    try:
        request = parse_request(
            content,
            tuple(row_sizes(loaded.latent_map) for loaded in registry),
            tuple(loaded.latent_map.model.num_classes for loaded in registry),
        )
        decoded = answer_request(registry.latent_map(request.model, request.snapshot), request)
    except UserError as error:
        return format_error(request_id(content), error.text)
    except Exception:  # the connection must survive any error
        logging.getLogger(__name__).exception("A decode request failed.")
        return format_error(
            request_id(content), "This point can't be decoded: move to another one."
        )
    return format_reply(request, decoded.pixels, decoded.scores)


def _error_messages(redact: Callable[[str], str]) -> Callable[[Exception], str]:
    def describe(error: Exception) -> str:
        message = text_of(error)
        if isinstance(error, OSError):
            message = Text(
                "{path} can't be used: {reason}. Fix the problem and try again.",
                path=error.filename or Text("a file"),
                reason=Text(error.strerror or "unknown error"),
            )
        return redact(message)

    return describe


def _handle_error(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotFoundError) else 422
    return error_response(request.app.state.describe_error(error), status, error_code(error))


def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, "http-error")
    message = Text("{problem}: reload the page.", problem=Text(str(error.detail)))
    return error_response(message, error.status_code, code, dict(error.headers or {}))


def _handle_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(_invalid_value(error.errors()[0]), 422, "invalid-request")


def _invalid_value(problem: dict[str, Any]) -> Text:
    """Return what is wrong with a value of a request.

    Arguments:
        problem: The first error of pydantic.
    """
    name = Text(".".join(str(part) for part in problem["loc"][1:]) or "the request")
    context, given = problem.get("ctx", {}), shown(problem["input"])
    limits = {
        "greater_than_equal": Range(low=context.get("ge")),
        "less_than_equal": Range(high=context.get("le")),
        "less_than": Range(below=context.get("lt")),
    }
    if problem["type"] in limits:
        limit = limits[problem["type"]].text
        return Text("{name} is {value}; it must be {limit}.", name=name, value=given, limit=limit)
    if problem["type"].startswith("int_"):
        return Text("{name} is {value}; it must be an integer.", name=name, value=given)
    return Text("{name}: {problem}. Reload the page.", name=name, problem=Text(problem["msg"]))
