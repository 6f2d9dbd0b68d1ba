"""What a pointer waits for while somebody else keeps the studio at work: `python
benchmarks/beside.py`, after `make tour`. Results in benchmarks/results/studio.json: `beside`, and
`memory`, what the server holds after each round in which all of it was asked for at once.

One client follows a pointer: it asks for a decode 60 times a second. Another one asks for one
heavy thing after the other. The server is a process of its own, as people start it.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import websockets

from latentarium.studio.protocol import REQUEST

OUT = Path(__file__).parent / "results" / "studio.json"
VAE, GAN, AE = 0, 1, 2
"""Models on show. The pointer is on the first one's map."""
APART = 1 / 60
TOGETHER = "all of these at once"
IMAGE = base64.b64encode(bytes(784)).decode()
BOX = "left=-3&right=3&low=-3&high={}"

Asked = tuple[str, dict[str, Any] | None]
"""A path, and what is posted to it."""


def heavy(i: int) -> dict[str, list[Asked]]:
    """What is asked for the i-th time, by its name; nothing that was computed before."""
    box, vae = BOX.format(3 + i / 1000), f"/api/models/{VAE}"
    draw = f"n=256&seed={i}"
    return {
        "nothing": [],
        "a model put on show": [("/api/runs/ae/show", {}), (f"/api/models/{AE}/map", None),
                                (f"/api/models/{AE}/plane", None)],
        "maps on other planes": [(f"{vae}/map?plane=i{i}_i{i + 900}_i{3 * i + 70}", None),
                                 (f"{vae}/plane?plane=i{i}_i{i + 900}_i{3 * i + 70}", None)],
        "gaps by distance": [(f"{vae}/gaps/distance?{box}", None)],
        "gaps by round trip": [(f"{vae}/gaps/round_trip?{box}", None)],
        "gaps by stretch": [(f"{vae}/gaps/stretch?{box}", None)],
        "gaps by doubt": [(f"{vae}/gaps/doubt?{box}", None)],
        "images encoded": [(f"{vae}/encode", {"pixels": IMAGE})],
        "an image searched": [(f"/api/models/{GAN}/invert", {"pixels": IMAGE, "seed": i})],
        "moments": [(f"{vae}/snapshots/{1 + i % 14}", None),
                    (f"{vae}/map?snapshot={1 + i % 14}", None),
                    (f"{vae}/plane?snapshot={1 + i % 14}", None)],
        "a film of moments": [(f"{vae}/animation.gif", None)],
        "draws from the prior": [(f"{vae}/samples/prior?seed={i}", None)],
        "256 images": [(f"{vae}/samples/pixels?{draw}", None),
                       (f"{vae}/samples/grid.png?{draw}", None)],
        "assessments of 256 images": [(f"{vae}/samples/assessment?{draw}", None)],
        "copies of 256 images": [(f"{vae}/samples/copies?{draw}", None)],
        "draws from a Gaussian": [
            (f"{vae}/gaussian-samples/assessment?of=class&label=3&seed={i}", None)],
        "paths through the data": [
            (f"{vae}/interpolations?a=i{i}&b=i{i + 900}&steps=64", None),
            (f"{vae}/interpolations/data.gif?a=i{i}&b=i{i + 900}&steps=64", None)],
        "a run measured": [(f"{vae}/measuring", {})] if i == 0 else [("/api/measuring", None)],
    }  # fmt: skip


def main() -> None:
    """Measures all, prints it, and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="of each")
    parser.add_argument("--tour", type=Path, default=Path("tour"), help="what make tour made")
    parser.add_argument("--rounds", type=int, default=12, help="of all at once")
    parser.add_argument("--only", default="", help="what is asked for begins so")
    given = parser.parse_args()
    found = json.loads(OUT.read_text())
    with tempfile.TemporaryDirectory() as place, served(Path(place), given.tour) as (port, pid):
        names = [name for name in [*heavy(0), TOGETHER] if name.startswith(given.only)]
        found["beside"] = {name: beside(port, name, given.seconds) for name in names}
        found["memory"] = memory(port, pid, given.rounds)
    if not given.only:
        OUT.write_text(json.dumps(found, indent=2) + "\n")


@contextlib.contextmanager
def served(place: Path, tour: Path) -> Iterator[tuple[int, int]]:
    """A studio that shows copies of a tour's runs; its port and its process."""
    for name in ("vae", "gan", "ae"):
        shutil.copytree(tour / name, place / name)
    shown = [str(place / name) for name in ("vae", "gan", "ae")]
    command = [sys.executable, "-m", "latentarium", "studio", *shown, "--runs", str(place)]
    server = subprocess.Popen(
        [*command, "--port", "0", "--no-browse"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        port = int(said.split("127.0.0.1:")[1].split("/")[0])
        for model in (VAE, GAN, AE):
            asyncio.run(pointer(port, model, 0.5))  # its map is computed once
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def beside(port: int, name: str, seconds: float) -> dict[str, float]:
    """The pointer's waits, in milliseconds, while one thing is asked for again and again."""
    over, answered = threading.Event(), 0

    def ask(name: str, first: int) -> None:
        nonlocal answered
        i = first
        while not over.is_set():
            asked = heavy(i)[name]
            for path, content in asked:
                fetch(port, path, content)
            if not asked:
                return
            i += 1
            answered += 1

    asks = [(name, 0)] if name != TOGETHER else [(one, 500) for one in list(heavy(0))[2:-1]]
    others = [threading.Thread(target=ask, args=one) for one in asks]
    for other in others:
        other.start()
    waits = sorted(asyncio.run(pointer(port, VAE, seconds)))
    over.set()
    for other in others:
        other.join()
    found = {
        "median": round(waits[len(waits) // 2], 1),
        "p95": round(waits[int(0.95 * len(waits))], 1),
        "most": round(waits[-1], 1),
        "answered_meanwhile": answered,
    }
    sys.stdout.write(f"{name:26} {found}\n")
    sys.stdout.flush()
    return found


def memory(port: int, pid: int, rounds: int) -> dict[str, Any]:
    """MiB that the server holds after each round."""
    held, asked = [], []
    for i in range(rounds):
        asked = [one for name in list(heavy(0))[1:-1] for one in heavy(10 * i)[name]]
        with ThreadPoolExecutor(len(asked)) as clients:
            list(clients.map(lambda one: fetch(port, *one), asked))
        status = Path(f"/proc/{pid}/status").read_text()
        held.append(round(int(status.split("VmRSS:")[1].split()[0]) / 1024))
        sys.stdout.write(f"round {i + 1}: {held[-1]} MiB\n")
        sys.stdout.flush()
    return {"asked_at_once": len(asked), "held_mib": held}


def fetch(port: int, path: str, content: dict[str, Any] | None) -> None:
    """Asks for something, and reads it to its end."""
    data = None if content is None else json.dumps(content).encode()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=120) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{path}: {error.read().decode()}") from None


async def pointer(port: int, model: int, seconds: float) -> list[float]:
    """How long each decode took, in milliseconds."""
    waits: list[float] = []
    async with websockets.connect(f"ws://127.0.0.1:{port}/decode") as socket:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            place = struct.pack("<2f", 0.5, 0.01 * len(waits) % 2)
            labels = 0
            await socket.send(REQUEST.pack(1, model, 1, 1, labels, 0) + place)
            answer = await socket.recv()
            assert isinstance(answer, bytes)
            assert answer[4] == 1, answer[16:]
            took = time.perf_counter() - began
            waits.append(1000 * took)
            await asyncio.sleep(max(0, APART - took))
    return waits


if __name__ == "__main__":
    main()
