"""Serve the studio until it is interrupted."""

import logging
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import torch
import uvicorn

from latentarium.errors import UserError
from latentarium.studio.deployment import DIRECT, Deployment
from latentarium.studio.limiter import RequestLimiter
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.security import LOOPBACK, new_token
from latentarium.studio.server import make_app

PORTS_TO_TRY = 20
"""Ports to try, from the requested one on."""
MAX_PORT = 65_535


def serve(
    registry: ModelRegistry,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
    say: Callable[[str], object] = print,
    runs: Path = Path("runs"),
    deployment: Deployment = DIRECT,
) -> None:
    """Serve the page until it is interrupted.

    Arguments:
        registry: The models that the page shows.
        host: The address to listen on.
        port: The port. If it is in use, the next free port is used; 0 chooses any free port.
        browse: Open the page in a browser.
        say: Prints a line.
        runs: The folder whose trainings are listed, and in which trainings are started.
        deployment: The reverse proxies and pages through which the studio is reached. Other host
            names than those of this machine need a token.

    Raises:
        UserError: No port is available at the address (code "no-port").
    """
    token = "" if host in LOOPBACK and not deployment.hosts else new_token()
    limiter = RequestLimiter()
    # concurrent requests share the processors; more threads than processors slow all of them down
    torch.set_num_threads(max(1, torch.get_num_threads() // limiter.concurrent))
    app = make_app(
        registry, host=host, token=token, deployment=deployment, runs=runs, limiter=limiter
    )
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    query = f"?token={token}" if token else ""
    address = f"http://{name}:{port}/{query}"
    say(f"The studio is at {address} (Ctrl-C stops it).")
    path = deployment.base_path.rstrip("/")
    for proxy in deployment.hosts:
        say(f"Through the proxy, it is at {proxy}{path}/{query}")
    registry.preparation.start()
    if browse:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    settings = uvicorn.Config(
        app, log_level="warning", lifespan="off", ws_max_size=1 << 21,
        ws_per_message_deflate=False,  # compression would block the event loop
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    app.state.is_stopping = lambda: server.should_exit

    def is_relevant(record: logging.LogRecord) -> bool:
        """Return whether a message is not about a request that is cancelled by the stop."""
        return not server.should_exit

    log = logging.getLogger("uvicorn.error")
    log.addFilter(is_relevant)
    try:
        server.run(sockets=[listener])
    finally:
        registry.preparation.stop()
        log.removeFilter(is_relevant)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the port, or at the next free one."""
    if not 0 <= port <= MAX_PORT:
        raise UserError(
            f"port is {port}; it must be from 0 to {MAX_PORT}, where 0 takes any free port.",
            code="no-port",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for number in [0] if port == 0 else range(port, min(MAX_PORT + 1, port + PORTS_TO_TRY)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)  # connections wait until the server has started
        except (OSError, OverflowError) as error:
            listener.close()
            reason = str(error)
            continue
        return listener
    raise UserError(
        f"No port from {port} on is available at {host} ({reason}); give another port.",
        code="no-port",
    )
