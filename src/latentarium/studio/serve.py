"""The page, served until it is interrupted."""

import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import torch
import uvicorn

from latentarium.errors import UserError
from latentarium.studio.limiter import PLACES
from latentarium.studio.registry import Gallery, prepare
from latentarium.studio.security import LOOPBACK, new_token
from latentarium.studio.server import make_app

TRIES = 20
"""Ports tried after the one asked for, where it is taken."""


def serve(
    gallery: Gallery,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
    say: Callable[[str], object] = print,
    runs: Path = Path("runs"),
) -> None:
    """Serves the page until it is interrupted.

    Arguments:
        gallery: The models on show.
        host, port: The address; another port where that one is taken.
        browse: Whether to open it.
        say: Where the address is said.
        runs: The folder in which trainings are found and started.

    Raises:
        UserError: The address can't be had.
    """
    token = "" if host in LOOPBACK else new_token()
    # those at work share the processors; with more threads than those, each waits for the others
    torch.set_num_threads(max(1, torch.get_num_threads() // PLACES))
    app = make_app(gallery, host=host, token=token, runs=runs)
    listener = _listener(host, port)
    port = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}/" + (f"?token={token}" if token else "")
    say(f"The studio is at {address} (Ctrl-C ends it).")
    prepare(gallery)
    if browse:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    settings = uvicorn.Config(
        app, log_level="warning", lifespan="off", ws_max_size=1 << 21,
        ws_per_message_deflate=False,  # packing what one asked for holds up all others
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    app.state.ends = lambda: server.should_exit
    server.run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """A socket at the port, or at one of the next where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for number in [0] if port == 0 else range(port, min(65536, port + TRIES)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)  # who comes before the server is up waits
        except (OSError, OverflowError) as error:
            listener.close()
            reason = str(error)
            continue
        return listener
    raise UserError(f"No port from {port} on can be had at {host} ({reason}): give another.")
