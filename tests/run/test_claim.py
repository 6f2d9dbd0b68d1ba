"""A folder is claimed last, and by one training only."""

import multiprocessing
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latentarium import presets
from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training import Reporter, train
from support.command_line import error_code
from support.errors import raises_code
from support.tiny import tiny_data

CLAIMS = 8


def batch_norm(config: Config, batch_size: int) -> Config:
    """Return a GAN whose generator has batch normalization."""
    model: object = config.model
    generator = replace(model.generator, norm="batch")  # type: ignore[attr-defined]
    settings = replace(config.train, batch_size=batch_size)
    return replace(config, model=replace(config.model, generator=generator), train=settings)


def test_settings_that_fail_on_the_first_batch_claim_nothing(tmp_path):
    folder = tmp_path / "r"
    with raises_code("batch-too-small"):
        train(batch_norm(presets.gan_debug(), 1), folder, tiny_data())
    assert not folder.exists()
    train(batch_norm(presets.gan_debug(), 4), folder, tiny_data())  # the corrected call works


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("batch-too-small", ["--model.generator.norm", "batch", "--train.batch-size", 1]),
        ("batch-too-large", ["--train.batch-size", 5000]),
        ("no-such-device", ["--train.device", "gpu"]),
        ("model-too-large", ["--model.generator.hidden", 99_999, "--model.generator.width", 9999]),
        ("not-a-run", ["--init-from", "nowhere"]),
    ],
)  # fmt: skip
def test_a_command_that_cannot_work_claims_nothing(code, options, tmp_path, capsys, npz):
    folder = tmp_path / "r"
    assert (
        error_code(capsys, "train", "gan_debug", "--data", npz, "--run", folder, *options) == code
    )
    assert not folder.exists()


def test_a_preset_that_does_not_fit_the_data_claims_nothing(tmp_path, capsys):
    np.savez(tmp_path / "plain.npz", images=np.zeros((50, 12, 10), np.uint8))
    folder = tmp_path / "r"
    for preset in ("cgan_debug", "vae_class_debug"):
        options = ["--data", tmp_path / "plain.npz", "--run", folder]
        assert error_code(capsys, "train", preset, *options) == "labels-missing"
    assert not folder.exists()


def test_the_rehearsal_changes_nothing(tmp_path):
    """The running statistics and gradients that it leaves would change the training."""
    data, config = tiny_data(), batch_norm(presets.gan_debug(), 4)
    Run.start(tmp_path / "claimed", config, data.card)  # such a run is not rehearsed
    rehearsed = train(config, tmp_path / "new", data).load().state_dict()
    claimed = train(config, tmp_path / "claimed", data).load().state_dict()
    for name, tensor in claimed.items():
        assert tensor.equal(rehearsed[name]), name


class Wait(Reporter):
    """Holds a training until all others have tried to start."""

    def __init__(self, others: threading.Barrier) -> None:
        self.others = others

    def start(self, run: Run, step: int) -> None:
        self.others.wait(timeout=60)


def test_of_several_threads_on_a_new_folder_one_trains(tmp_path):
    barrier, codes = threading.Barrier(CLAIMS), []

    def work() -> None:
        try:
            train(presets.vae_debug(), tmp_path / "r", tiny_data(), reporter=Wait(barrier))
            codes.append("trained")
        except UserError as error:
            codes.append(error.code)
            barrier.wait(timeout=60)

    threads = [threading.Thread(target=work) for _ in range(CLAIMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["run-locked"] * (CLAIMS - 1) + ["trained"]
    assert Run(tmp_path / "r").weights_step() == 40


def claim_at_once(folder: Path, start, release, codes) -> None:
    with ExitStack() as stack:
        start.wait()
        try:
            stack.enter_context(Run.claim(folder, presets.vae_debug(), tiny_data().card))
            codes.put("claimed")
        except UserError as error:
            codes.put(error.code)
        release.wait()


def test_of_several_processes_on_a_new_folder_one_claims_it(tmp_path):
    context = multiprocessing.get_context("fork")
    start, release, codes = context.Event(), context.Event(), context.Queue()
    processes = [
        context.Process(target=claim_at_once, args=(tmp_path / "r", start, release, codes))
        for _ in range(CLAIMS)
    ]
    for process in processes:
        process.start()
    start.set()
    got = sorted(codes.get(timeout=60) for _ in processes)
    release.set()
    for process in processes:
        process.join()
    assert got == ["claimed"] + ["run-locked"] * (CLAIMS - 1)


def test_a_lock_left_by_a_failed_claim_does_not_keep_the_folder(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / ".lock").write_text("")
    (folder / ".lock.pid").write_text("1 elsewhere")
    assert Run.start(folder, presets.vae_debug(), tiny_data().card).folder == folder


def test_a_refused_folder_is_not_touched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with raises_code("folder-not-empty"):
        Run.start(tmp_path, presets.vae_debug(), tiny_data().card)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with raises_code("cannot-write"):
        Run.start(tmp_path / "notes.txt", presets.vae_debug(), tiny_data().card)
