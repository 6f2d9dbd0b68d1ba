"""Many at once: what is computed once, who waits for whom, and what is bounded."""

import threading

import pytest

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.studio.maps import atlas as atlas_module
from latentarium.studio.maps.atlas import Atlas

LONG = 20.0
"""Seconds after which something waits for ever."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data = la.load_data(*tiny_arrays(300))
    return la.train(
        presets.get("vae_debug"), tmp_path_factory.mktemp("v") / "r", data
    ).load(), data


def at_once(*works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"


def test_who_holds_the_model_and_who_asks_for_its_codes_do_not_wait_for_each_other(trained):
    atlas = Atlas(*trained)
    held, asks = threading.Event(), threading.Event()

    def with_the_model():
        with atlas.in_turn:
            held.set()
            asks.wait(1)  # the other one is on its way
            assert len(atlas.codes)

    def without():
        held.wait()
        threading.Timer(0.2, asks.set).start()
        assert len(atlas.codes)

    at_once(with_the_model, without)


def test_what_many_ask_for_at_once_is_computed_once(trained, monkeypatch):
    encodes, real = [], atlas_module.encode
    monkeypatch.setattr(atlas_module, "encode", lambda *a: encodes.append(a) or real(*a))
    atlas = Atlas(*trained)
    at_once(*[lambda: atlas.codes] * 12)
    assert len(encodes) == 1
