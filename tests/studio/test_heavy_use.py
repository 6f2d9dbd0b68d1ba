"""Concurrent requests: shared computations, waiting times and limits."""

import asyncio
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.concurrency import run_in_threadpool
from starlette.testclient import TestClient
from threadpoolctl import threadpool_info, threadpool_limits

import latentarium as la
from latentarium import presets
from latentarium.latent import encoded as encoded_module
from latentarium.latent import gap_layer, interpolation
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.scores import ScoredImages
from latentarium.studio.limiter import RequestLimiter
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.priority_lock import PriorityLock, priority_lock
from latentarium.studio.protocol import REQUEST
from latentarium.studio.query.baseline import shared_baseline
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.routes.events import EventStreams
from latentarium.studio.server import answer, is_quick, make_app
from latentarium.studio.training.run_events import RunFollower
from support.frames import reply, request
from support.tiny import tiny_arrays
from support.tiny_studio import gap_grid

DEADLOCK_SECONDS = 20.0
"""Threads that have not finished after this time wait for each other."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data = la.load_data(*tiny_arrays(300))
    return la.train(
        presets.get("vae_debug"), tmp_path_factory.mktemp("v") / "r", data
    ).load(), data


def train_on(source, folder, **settings):
    config = presets.get("vae_debug")
    config = replace(config, train=replace(config.train, data=str(source), **settings))
    la.train(config, folder, la.load_data(str(source)))


def run_concurrently(*works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLOCK_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "deadlock"


def test_cached_latents_do_not_deadlock_with_the_model_lock(trained):
    latent_map = LatentMap(*trained)
    held, asks = threading.Event(), threading.Event()

    def with_the_model():
        with priority_lock(latent_map):
            held.set()
            asks.wait(1)  # until the other thread is about to ask
            assert len(latent_map.latents)

    def without():
        held.wait()
        threading.Timer(0.2, asks.set).start()
        assert len(latent_map.latents)

    run_concurrently(with_the_model, without)


def test_concurrent_requests_share_one_computation(trained, monkeypatch):
    encodes, real = [], encoded_module.encode
    monkeypatch.setattr(encoded_module, "encode", lambda *a: encodes.append(a) or real(*a))
    latent_map = LatentMap(*trained)
    run_concurrently(*[lambda: latent_map.latents] * 12)
    assert len(encodes) == 1


@pytest.mark.parametrize("definition", ["rarity", "stretch"])
def test_gap_layer_holds_the_model_for_few_images_at_a_time(definition, trained, monkeypatch):
    """This includes the first chunk, which computes the calibration."""
    box = (-1.0, 1.0, -1.0, 1.0)
    expected = gap_grid(LatentMap(*trained), definition, box, 8)
    latent_map, sizes = LatentMap(*trained), []
    latent_map.gap_layers.chunk_size = latent_map.gap_layers.stretch_chunk_size = 8
    where, name = (
        (gap_layer, "decoder_stretch")
        if definition == "stretch"
        else (latent_map.decoder, "decode_scored")
    )
    real = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *given: sizes.append(len(given[-1])) or real(*given))
    np.testing.assert_allclose(gap_grid(latent_map, definition, box, 8), expected, atol=0.02)
    assert max(sizes) == 8


def test_interactive_request_waits_for_few_chunks_of_long_jobs():
    lock, over = threading.RLock(), threading.Event()
    turns, taken = PriorityLock(lock), []

    def work():
        while not over.is_set():
            with turns, turns:  # reentrant
                taken.append(1)
                time.sleep(0.002)
            time.sleep(0.0005)

    def pointer():
        try:
            for _ in range(30):
                before = len(taken)
                with lock, turns:
                    waited.append(len(taken) - before)
                time.sleep(0.003)
        finally:
            over.set()

    waited: list[int] = []
    run_concurrently(pointer, *[work] * 12)
    assert len(waited) == 30
    assert sum(waited) / 30 < 4  # of twelve long jobs


def test_limiter_queues_requests_without_occupying_threads():
    running, counts, free = [], [], threading.Event()
    limiter = RequestLimiter(2)

    def long(number):
        running.append(number)
        counts.append(len(running))
        assert free.wait(DEADLOCK_SECONDS)
        running.remove(number)
        return number

    async def ask():
        tasks = [asyncio.create_task(limiter.limit(long)(i)) for i in range(50)]
        while len(running) < 2:
            await asyncio.sleep(0.01)
        assert await run_in_threadpool(lambda: "cheap") == "cheap"
        assert len(running) == 2
        free.set()
        steps = [step async for step in limiter.iterate(iter("ab"))]
        return await asyncio.gather(*tasks), steps

    assert asyncio.run(ask()) == (list(range(50)), ["a", "b"])
    assert max(counts) <= 2


def test_chunked_decoding_equals_decoding_at_once(trained, monkeypatch):
    latent_map = LatentMap(*trained)
    z = latent_map.latents[:20]
    parts = list(latent_map.decoder.decode_scored_iter(z, chunk_size=8))
    turns, once = ScoredImages.concatenate(parts), latent_map.decode_scored(z)
    np.testing.assert_allclose(turns.pixels.astype(int), once.pixels.astype(int), atol=1)
    np.testing.assert_allclose(turns.scores, once.scores, rtol=1e-3, atol=1e-4)


def test_request_that_waits_for_a_map_delays_no_other(trained):
    busy, free = LatentMap(*trained), LatentMap(*trained)
    free.prepare()
    registry = ModelRegistry([
        LoadedModel(name=name, folder=name, kind="VAE", latent_map=latent_map)
        for name, latent_map in (("busy", busy), ("free", free))
    ])  # fmt: skip
    app, host = make_app(registry), {"host": "127.0.0.1:8765"}
    done = threading.Event()

    def work():
        with (
            TestClient(app, base_url="http://127.0.0.1:8765") as client,
            client.websocket_connect("/decode", headers=host) as waits,
            client.websocket_connect("/decode", headers=host) as other,
        ):
            with priority_lock(busy):
                waits.send_bytes(request([[0, 0]], model=0, number=1))
                other.send_bytes(request([[0, 0]], model=1, number=2))
                assert reply(other.receive_bytes())["id"] == 2
            assert reply(waits.receive_bytes())["id"] == 1
            done.set()

    run_concurrently(work)
    assert done.is_set()


def test_replaced_data_set_is_reloaded(tmp_path):
    """Otherwise a run on the new images would be refused."""
    images, labels = tiny_arrays(300)
    registry, path = ModelRegistry(), tmp_path / "d.npz"
    for i, content in enumerate((images, 255 - images)):
        np.savez(path, images=content, labels=labels)
        train_on(path, tmp_path / f"r{i}")
        assert registry.add(tmp_path / f"r{i}") == i


def test_concurrent_paths_share_one_graph(trained, monkeypatch):
    built, real = [], interpolation.DataGraph
    monkeypatch.setattr(interpolation, "DataGraph", lambda *a: built.append(a) or real(*a))
    latent_map = LatentMap(*trained)
    run_concurrently(
        *[
            lambda: latent_map.interpolate(
                latent_map.latents[0], latent_map.latents[9], method="data"
            )
        ]
        * 6
    )
    assert len(built) == len(latent_map.interpolator._graphs)


def test_request_that_waits_for_another_search_can_be_cancelled(trained):
    usual = shared_baseline(LatentMap(*trained))
    first, second = usual.measure(), usual.measure()
    next(first)
    assert next(second) == 0.0
    for search in (first, second):
        search.close()
    assert next(share for share in usual.measure() if share > 0)


def test_number_of_event_streams_is_limited():
    class Endless(RunFollower):
        def poll(self):
            return [b"x"]

    follower = Endless(dict, Path("log"), lambda: None)
    streams = EventStreams(lambda: False, max_followers=1)

    async def follow():
        first = streams.follow(follower)
        assert await anext(first) == b"x"
        refused = [event async for event in streams.follow(follower)]
        assert [event.split(b"\n")[0] for event in refused] == [b"event: gone"]
        await first.aclose()
        again = streams.follow(follower)
        assert await anext(again) == b"x"
        await again.aclose()

    asyncio.run(follow())


def test_application_limits_blas_to_one_thread():
    """Concurrent neighbour searches each limit BLAS and restore it, with which it may hang."""
    with threadpool_limits(2, user_api="blas"):
        make_app(ModelRegistry())
        info = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert info
    assert set(info) == {1}


FRAMES = st.builds(
    lambda number, model, kind, n, labelled, snapshot, rest: (
        REQUEST.pack(number, model, kind, n, labelled, snapshot) + rest
    ),
    st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 4), st.integers(0, 3),
    st.integers(0, 2), st.integers(0, 3), st.binary(max_size=6).map(lambda part: part * 4),
)  # fmt: skip


def test_any_frame_has_a_reply_and_none_is_an_internal_error(trained, caplog):
    model, data = trained
    latent_map = LatentMap(model, data)
    registry = ModelRegistry(
        [LoadedModel(name="v", folder="v", kind="VAE", latent_map=latent_map)]
    )

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.one_of(FRAMES, st.binary(max_size=40)))
    def ask(content):
        is_quick(registry, content)
        frame = answer(registry, content)
        assert frame[:4] == content[:4] or len(content) < 4
        assert not caplog.records, caplog.text

    ask()


def test_deleted_run_folder_is_an_error_not_a_crash(tmp_path):
    images, labels = tiny_arrays(300)
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    train_on(tmp_path / "d.npz", tmp_path / "r", snapshots=3)
    registry = ModelRegistry()
    registry.add(tmp_path / "r")
    assert registry[0].snapshot_steps()
    shutil.rmtree(tmp_path / "r")
    frame = request([[0, 0]], number=3)[:10] + b"\x01\x00" + bytes(8)
    assert not reply(answer(registry, frame))["ok"]
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        for path in (
            "models", "models/0/map", "models/0/snapshots/1", "models/0/animation.gif",
            "models/0/held-out", "models/0/map?snapshot=1", "comparison?model=0", "runs", "runs/r",
            "measuring",
        ):  # fmt: skip
            assert client.get(f"/api/{path}").status_code in (200, 404, 422), path
        assert client.post("/api/models/0/measuring").status_code < 500
