"""Many at once: what is computed once, who waits for whom, and what is bounded."""

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
from conftest import tiny_arrays
from latentarium import presets
from latentarium.latent import encoded as encoded_module
from latentarium.latent import gap_layer, interpolation
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.scores import ScoredImages
from latentarium.studio.limiter import PLACES, in_line, step_in_line
from latentarium.studio.priority_lock import PriorityLock, priority_lock
from latentarium.studio.protocol import REQUEST
from latentarium.studio.query.baseline import shared_baseline
from latentarium.studio.registry import Exhibit, Gallery
from latentarium.studio.routes import events as training
from latentarium.studio.server import answer, is_quick, make_app
from latentarium.studio.training.follow import Follower
from support.frames import reply, request
from support.tiny_studio import gap_grid

LONG = 20.0
"""Seconds after which something waits for ever."""


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


def at_once(*works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"


def test_who_holds_the_model_and_who_asks_for_its_codes_do_not_wait_for_each_other(trained):
    latent_map = LatentMap(*trained)
    held, asks = threading.Event(), threading.Event()

    def with_the_model():
        with priority_lock(latent_map):
            held.set()
            asks.wait(1)  # the other one is on its way
            assert len(latent_map.latents)

    def without():
        held.wait()
        threading.Timer(0.2, asks.set).start()
        assert len(latent_map.latents)

    at_once(with_the_model, without)


def test_what_many_ask_for_at_once_is_computed_once(trained, monkeypatch):
    encodes, real = [], encoded_module.encode
    monkeypatch.setattr(encoded_module, "encode", lambda *a: encodes.append(a) or real(*a))
    latent_map = LatentMap(*trained)
    at_once(*[lambda: latent_map.latents] * 12)
    assert len(encodes) == 1


@pytest.mark.parametrize("definition", ["rarity", "stretch"])
def test_a_gap_layer_leaves_the_model_to_others_in_between(definition, trained, monkeypatch):
    """No turn looks at more than a few images, not even the first, which learns what is usual."""
    box, whole = (-1.0, 1.0, -1.0, 1.0), LatentMap(*trained)
    expected = gap_grid(whole, definition, box, 8)
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


def test_who_needs_the_model_at_once_waits_for_few_turns_of_many():
    lock, over = threading.RLock(), threading.Event()
    turns, taken = PriorityLock(lock), []

    def work():
        while not over.is_set():
            with turns, turns:  # who has a turn may take it again
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
    at_once(pointer, *[work] * 12)
    assert len(waited) == 30
    assert sum(waited) / 30 < 4  # of twelve that work


def test_what_takes_long_waits_in_a_line_and_holds_no_thread():
    at_work, most, free = [], [], threading.Event()

    def long(number):
        at_work.append(number)
        most.append(len(at_work))
        assert free.wait(LONG)
        at_work.remove(number)
        return number

    async def ask():
        asked = [asyncio.create_task(in_line(long)(i)) for i in range(50)]
        while len(at_work) < PLACES:
            await asyncio.sleep(0.01)
        assert await run_in_threadpool(lambda: "others") == "others"
        assert len(at_work) == PLACES
        free.set()
        return await asyncio.gather(*asked), [one async for one in step_in_line(iter("ab"))]

    assert asyncio.run(ask()) == (list(range(50)), ["a", "b"])
    assert max(most) <= PLACES


def test_many_are_decoded_in_turns_as_they_are_at_once(trained, monkeypatch):
    latent_map = LatentMap(*trained)
    z = latent_map.latents[:20]
    parts = list(latent_map.decoder.decode_scored_iter(z, chunk_size=8))
    turns, once = ScoredImages.concatenate(parts), latent_map.decode_scored(z)
    np.testing.assert_allclose(turns.pixels.astype(int), once.pixels.astype(int), atol=1)
    np.testing.assert_allclose(turns.scores, once.scores, rtol=1e-3, atol=1e-4)


def test_who_waits_for_a_map_holds_up_nobody_else(trained):
    busy, free = LatentMap(*trained), LatentMap(*trained)
    free.prepare()
    gallery = Gallery([
        Exhibit(name=name, folder=name, kind="VAE", latent_map=latent_map)
        for name, latent_map in (("busy", busy), ("free", free))
    ])  # fmt: skip
    app, host = make_app(gallery), {"host": "127.0.0.1:8765"}
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

    at_once(work)
    assert done.is_set()


def test_a_data_set_that_was_replaced_is_read_anew(tmp_path):
    """Else a run on the new one is said to be of other images than lie there."""
    images, labels = tiny_arrays(300)
    gallery, path = Gallery(), tmp_path / "d.npz"
    for i, content in enumerate((images, 255 - images)):
        np.savez(path, images=content, labels=labels)
        train_on(path, tmp_path / f"r{i}")
        assert gallery.add(tmp_path / f"r{i}") == i


def test_a_graph_is_built_once_for_all_who_wait_for_it(trained, monkeypatch):
    built, real = [], interpolation.DataGraph
    monkeypatch.setattr(interpolation, "DataGraph", lambda *a: built.append(a) or real(*a))
    latent_map = LatentMap(*trained)
    at_once(
        *[
            lambda: latent_map.interpolate(
                latent_map.latents[0], latent_map.latents[9], method="data"
            )
        ]
        * 6
    )
    assert len(built) == len(latent_map.interpolator._graphs)


def test_who_waits_for_anothers_search_can_leave(trained):
    usual = shared_baseline(LatentMap(*trained))
    first, second = usual.measure(), usual.measure()
    next(first)
    assert next(second) == 0.0
    for one in (first, second):
        one.close()
    assert next(share for share in usual.measure() if share > 0)


def test_so_many_follow_and_no_more(monkeypatch):
    monkeypatch.setattr(training, "_followed", threading.BoundedSemaphore(1))

    class Ends(Follower):
        def poll(self):
            return [b"x"]

    ends = Ends(dict, Path("log"), lambda: None)

    async def follow():
        first = training.following(ends, lambda: False)
        assert await anext(first) == b"x"
        refused = [one async for one in training.following(ends, lambda: False)]
        assert [one.split(b"\n")[0] for one in refused] == [b"event: gone"]
        await first.aclose()
        again = training.following(ends, lambda: False)
        assert await anext(again) == b"x"
        await again.aclose()

    asyncio.run(follow())


def test_searches_for_neighbours_do_not_set_each_others_processors():
    """Two at once, each of which limits BLAS and takes the limit back: it warns that it may hang
    if there is a time at which it has more than one thread."""
    with threadpool_limits(2, user_api="blas"):
        make_app(Gallery())
        used = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert used
    assert set(used) == {1}


FRAMES = st.builds(
    lambda number, model, kind, n, labelled, moment, rest: (
        REQUEST.pack(number, model, kind, n, labelled, moment) + rest
    ),
    st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 4), st.integers(0, 3),
    st.integers(0, 2), st.integers(0, 3), st.binary(max_size=6).map(lambda part: part * 4),
)  # fmt: skip


def test_any_frame_has_an_answer_and_none_is_a_fault_of_the_servers(trained, caplog):
    model, data = trained
    gallery = Gallery(
        [Exhibit(name="v", folder="v", kind="VAE", latent_map=LatentMap(model, data))]
    )

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.one_of(FRAMES, st.binary(max_size=40)))
    def ask(content):
        is_quick(gallery, content)
        found = answer(gallery, content)
        assert found[:4] == content[:4] or len(content) < 4
        assert not caplog.records, caplog.text

    ask()


def test_a_run_whose_folder_is_gone_is_a_sentence(tmp_path):
    images, labels = tiny_arrays(300)
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    train_on(tmp_path / "d.npz", tmp_path / "r", snapshots=3)
    gallery = Gallery()
    gallery.add(tmp_path / "r")
    assert gallery[0].moments()
    shutil.rmtree(tmp_path / "r")
    frame = request([[0, 0]], number=3)[:10] + b"\x01\x00" + bytes(8)
    assert not reply(answer(gallery, frame))["ok"]
    with TestClient(make_app(gallery), base_url="http://127.0.0.1:8765") as client:
        for path in (
            "models", "models/0/map", "models/0/moments/1", "models/0/film", "comparison?model=0",
            "models/0/witnesses", "runs", "runs/r", "models/0/map?moment=1", "measuring",
        ):  # fmt: skip
            assert client.get(f"/api/{path}").status_code in (200, 404, 422), path
        assert client.post("/api/models/0/measuring").status_code < 500
