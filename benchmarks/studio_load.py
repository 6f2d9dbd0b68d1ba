"""Measure how fast the studio answers a moving pointer under load: `python
benchmarks/studio_load.py`, after `make tour`. Results in benchmarks/results/studio.json:
`pointer_under_load`, and `memory`, the server's memory after each round of all requests at once.

One client follows a pointer and requests a decode 60 times a second. Others repeat one expensive
request. The server runs in a separate process, as users start it.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import shutil
import struct
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
from studio_process import memory_mib, studio_process

from latentarium.studio.protocol import REQUEST

OUT = Path(__file__).parent / "results" / "studio.json"
VAE, GAN, AE = 0, 1, 2
"""Numbers of the open models. The pointer is on the VAE's map."""
FRAME_SECONDS = 1 / 60
IDLE, ALL = "no other request", "all requests at once"
IMAGE = base64.b64encode(bytes(784)).decode()
BOX = "left=-3&right=3&low=-3&high={}"
HEADER_BYTES = 16
OK = 1

Request = tuple[str, dict[str, Any] | None]
"""A path, and the JSON that is posted to it; None for GET."""


def requests_of(i: int) -> dict[str, list[Request]]:
    """Return the i-th variant of every expensive request by name; no variant was cached before."""
    box, vae = BOX.format(3 + i / 1000), f"/api/models/{VAE}"
    draw = f"n=256&seed={i}"
    plane = f"plane=i{i}_i{i + 900}_i{3 * i + 70}"
    snapshot = 1 + i % 14
    path = f"a=i{i}&b=i{i + 900}&steps=64"
    return {
        IDLE: [],
        "open a model": [("/api/runs/ae/show", {}), (f"/api/models/{AE}/map", None),
                         (f"/api/models/{AE}/plane", None)],
        "maps of other planes": [(f"{vae}/map?{plane}", None), (f"{vae}/plane?{plane}", None)],
        "gaps by distance": [(f"{vae}/gaps/distance?{box}", None)],
        "gaps by round trip": [(f"{vae}/gaps/round_trip?{box}", None)],
        "gaps by stretch": [(f"{vae}/gaps/stretch?{box}", None)],
        "gaps by doubt": [(f"{vae}/gaps/doubt?{box}", None)],
        "encode an image": [(f"{vae}/encode", {"pixels": IMAGE})],
        "invert an image": [(f"/api/models/{GAN}/invert", {"pixels": IMAGE, "seed": i})],
        "snapshots": [(f"{vae}/snapshots/{snapshot}", None),
                      (f"{vae}/map?snapshot={snapshot}", None),
                      (f"{vae}/plane?snapshot={snapshot}", None)],
        "animation of snapshots": [(f"{vae}/animation.gif", None)],
        "prior check": [(f"{vae}/samples/prior?seed={i}", None)],
        "256 samples": [(f"{vae}/samples/pixels?{draw}", None),
                        (f"{vae}/samples/grid.png?{draw}", None)],
        "assess 256 samples": [(f"{vae}/samples/assessment?{draw}", None)],
        "nearest training images of 256 samples": [(f"{vae}/samples/copies?{draw}", None)],
        "assess a class Gaussian": [
            (f"{vae}/gaussian-samples/assessment?of=class&label=3&seed={i}", None)],
        "interpolate along the data": [(f"{vae}/interpolations?{path}", None),
                                       (f"{vae}/interpolations/data.gif?{path}", None)],
        "evaluate a run": [(f"{vae}/measuring", {})] if i == 0 else [("/api/measuring", None)],
    }  # fmt: skip


def main() -> None:
    """Run all measurements; print and store the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="duration of each measurement")
    parser.add_argument("--tour", type=Path, default=Path("tour"), help="output of make tour")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of all requests at once")
    parser.add_argument("--only", default="", help="measure names with this prefix, store nothing")
    options = parser.parse_args()
    results = json.loads(OUT.read_text())
    results.pop("beside", None)  # the old name of pointer_under_load
    with (
        tempfile.TemporaryDirectory() as folder,
        studio_with_runs(Path(folder), options.tour) as (port, process),
    ):
        names = [n for n in [*requests_of(0), ALL] if n.startswith(options.only)]
        results["pointer_under_load"] = {
            name: measure_pointer(port, name, options.seconds) for name in names
        }
        results["memory"] = measure_memory(port, process, options.rounds)
    if not options.only:
        OUT.write_text(json.dumps(results, indent=2) + "\n")


@contextlib.contextmanager
def studio_with_runs(folder: Path, tour: Path) -> Iterator[tuple[int, int]]:
    """Run a studio with copies of a tour's runs; yield its port and its process id."""
    for name in ("vae", "gan", "ae"):
        shutil.copytree(tour / name, folder / name)
    with studio_process([folder / name for name in ("vae", "gan", "ae")], folder) as (port, pid):
        for model in (VAE, GAN, AE):
            asyncio.run(follow_pointer(port, model, 0.5))  # computes the model's map
        yield port, pid


def measure_pointer(port: int, name: str, seconds: float) -> dict[str, float]:
    """Return the pointer's latencies in milliseconds while other clients repeat a request."""
    stop, answered = threading.Event(), 0

    def repeat(name: str, first: int) -> None:
        nonlocal answered
        i = first
        while not stop.is_set():
            requests = requests_of(i)[name]
            for path, content in requests:
                fetch(port, path, content)
            if not requests:
                return
            i += 1
            answered += 1

    repeated = [(name, 0)] if name != ALL else [(n, 500) for n in list(requests_of(0))[2:-1]]
    clients = [threading.Thread(target=repeat, args=arguments) for arguments in repeated]
    for client in clients:
        client.start()
    latencies = sorted(asyncio.run(follow_pointer(port, VAE, seconds)))
    stop.set()
    for client in clients:
        client.join()
    result = {
        "median": round(latencies[len(latencies) // 2], 1),
        "p95": round(latencies[int(0.95 * len(latencies))], 1),
        "max": round(latencies[-1], 1),
        "other_answers": answered,
    }
    sys.stdout.write(f"{name:40} {result}\n")
    sys.stdout.flush()
    return result


def measure_memory(port: int, process: int, rounds: int) -> dict[str, Any]:
    """Return the server's memory in MiB after each round of all requests at once."""
    memory, requests = [], []
    for i in range(rounds):
        variants = requests_of(10 * i)
        requests = [request for name in list(variants)[1:-1] for request in variants[name]]
        with ThreadPoolExecutor(len(requests)) as clients:
            list(clients.map(lambda request: fetch(port, *request), requests))
        memory.append(round(memory_mib(process)))
        sys.stdout.write(f"round {i + 1}: {memory[-1]} MiB\n")
        sys.stdout.flush()
    return {"asked_at_once": len(requests), "held_mib": memory}


def fetch(port: int, path: str, content: dict[str, Any] | None) -> None:
    """Send a request and read the complete answer."""
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{path}: {error.read().decode()}") from None


async def follow_pointer(port: int, model: int, seconds: float) -> list[float]:
    """Decode at the pointer's position in every frame; return the latencies in milliseconds."""
    latencies: list[float] = []
    async with websockets.connect(f"ws://127.0.0.1:{port}/decode") as socket:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            position = struct.pack("<2f", 0.5, 0.01 * len(latencies) % 2)
            has_labels = snapshot = 0
            await socket.send(REQUEST.pack(1, model, 1, 1, has_labels, snapshot) + position)
            answer = await socket.recv()
            assert isinstance(answer, bytes)
            assert answer[4] == OK, answer[HEADER_BYTES:]
            latency = time.perf_counter() - started
            latencies.append(1000 * latency)
            await asyncio.sleep(max(0, FRAME_SECONDS - latency))
    return latencies


if __name__ == "__main__":
    main()
