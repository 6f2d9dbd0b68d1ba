"""Runs on show, and the page served."""

import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import uvicorn

from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.metrics.subject import kind_of
from latentarium.run import Run
from latentarium.studio.atlas import Atlas
from latentarium.studio.server import LOOPBACK, Exhibit, make_app, new_token, prepare

SHIPPED = Path(str(files("latentarium.studio") / "shipped"))
SHIPPED_NAMES = ("ae", "vae", "gan", "cgan")
TRIES = 20
"""Ports tried after the one asked for, where it is taken."""


def shipped() -> list[Path]:
    """The small models that come with the package."""
    return [SHIPPED / name for name in SHIPPED_NAMES]


def exhibits_of(folders: Sequence[Path], data: str | None = None) -> list[Exhibit]:
    """Loads runs with the images that they were trained on.

    Arguments:
        folders: Runs whose training has ended; none: the small models that ship.
        data: Where the images are now; None: where each run found them.

    Raises:
        UserError: A run without weights, or images that are not those it was trained on.
    """
    found: list[Exhibit] = []
    loaded: dict[tuple[str, int], Data] = {}
    for folder in folders or shipped():
        run = Run(folder)
        settings = run.config.train
        where = (data or settings.data, settings.image_size)
        if where not in loaded:
            loaded[where] = load_data(where[0], size=where[1])
        images = loaded[where]
        if images.card.fingerprint != run.data.fingerprint:
            raise UserError(
                f"{folder} was trained on other images than {where[0]} holds now: give them with "
                "--data."
            )
        model = run.load()
        if min(model.image_shape[1:]) < 2:
            raise UserError(f"{folder} makes points in the plane, which the studio can't show.")
        found.append(
            Exhibit(
                name=folder.resolve().name,
                folder=str(folder) if folders else f"shipped:{folder.name}",
                kind=kind_of(model),
                atlas=Atlas(model, images),
            )
        )
    return found


def serve(
    exhibits: Sequence[Exhibit],
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
    say: Callable[[str], object] = print,
) -> None:
    """Serves the page until it is interrupted.

    Raises:
        UserError: The address can't be had.
    """
    token = "" if host in LOOPBACK else new_token()
    app = make_app(exhibits, host=host, token=token)
    listener = _listener(host, port)
    port = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}/" + (f"?token={token}" if token else "")
    say(f"The studio is at {address} (Ctrl-C ends it).")
    prepare(exhibits)
    if browse:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    settings = uvicorn.Config(app, log_level="warning", lifespan="off", ws_max_size=1 << 21)
    uvicorn.Server(settings).run(sockets=[listener])


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
