"""The run folder keeps its files and reports what is wrong with them."""

import json
from dataclasses import replace

import pytest
import torch

from latentarium import presets
from latentarium.config import DataCard, from_dict
from latentarium.errors import UserError
from latentarium.run import Run, load
from latentarium.run.checkpoints import Checkpoint
from latentarium.training import train
from support.errors import raises_code
from support.tiny import tiny_data


def fresh(folder) -> Run:
    return Run.start(folder, presets.gan_debug(), tiny_data().card)


def names(run: Run) -> list[str]:
    return sorted(p.name for p in (run.folder / "checkpoints").iterdir())


def numbered(step: int) -> Checkpoint:
    return Checkpoint(step, 1.5, {"a": torch.full((3,), float(step))})


def test_two_checkpoints_are_kept_and_the_newest_is_read(tmp_path):
    run = fresh(tmp_path / "r")
    assert run.latest_checkpoint() is None
    for step in (9, 10, 100):
        run.save_checkpoint(numbered(step))
    assert names(run) == [
        "000000010.json",
        "000000010.safetensors",
        "000000100.json",
        "000000100.safetensors",
    ]
    saved = run.latest_checkpoint()
    assert saved is not None
    assert (saved.step, saved.seconds) == (100, 1.5)
    assert saved.tensors["a"].tolist() == [100.0] * 3


def test_tensors_without_their_card_are_ignored_and_then_deleted(tmp_path):
    """A kill between the two writes leaves them."""
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    (run.folder / "checkpoints" / "000000020.json").unlink()
    saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10
    run.save_checkpoint(numbered(30))
    assert [n for n in names(run) if "20" in n] == []


def test_foreign_files_among_checkpoints_are_ignored_and_kept(tmp_path):
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    place = run.folder / "checkpoints"
    (place / "000000010 copy.json").write_text("{}")
    (place / "best.safetensors").write_text("")
    (place / "notes").mkdir()
    for step in (20, 30):
        run.save_checkpoint(numbered(step))
    assert run.checkpoints() == [20, 30]
    assert run.checkpoint_path(30).is_file()
    assert {"000000010 copy.json", "best.safetensors", "notes"} < set(names(run))


def test_a_card_with_a_wrong_step_is_skipped(tmp_path):
    """The checksum protects the tensors, the file name protects the step."""
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    card = run.folder / "checkpoints" / "000000020.json"
    card.write_text(card.read_text().replace('"step": 20', '"step": 28'))
    with pytest.warns(UserWarning, match="0000000"):
        saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10


@pytest.mark.parametrize("content", ["", "[]", "null", '"x"', "{", '{"step": 20}'])
def test_a_malformed_card_is_skipped(tmp_path, content):
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    (run.folder / "checkpoints" / "000000020.json").write_text(content)
    with pytest.warns(UserWarning, match="0000000"):
        saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10


def test_temporary_files_of_a_kill_are_ignored_and_deleted(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / ".config.json.77.tmp").write_bytes(b"{")
    run = fresh(folder)
    for place in (".weights.safetensors.77.tmp", "samples/.1.png.77.tmp", "snapshots/.1.77.tmp"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(b"half")
    with run.lock():
        left = {p.name for p in folder.rglob("*.tmp")}
    assert left <= {".config.json.77.tmp"}


def test_the_lock_is_released_after_use(tmp_path):
    run = fresh(tmp_path / "r")
    for _ in range(2):
        with run.lock():
            pass


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe", "damaged-file"),
        (b"{", "damaged-file"),
        (b"[1]", "damaged-file"),
        (b"{}", "run-format"),
        (b'{"format": 2, "versions": 3}', "run-format"),
    ],
)
def test_a_malformed_config_is_reported(tmp_path, content, code):
    (tmp_path / "config.json").write_bytes(content)
    with raises_code(code):
        Run(tmp_path)


@pytest.mark.parametrize("key", ["config", "data"])
@pytest.mark.parametrize("value", [None, [], "x", {}, {"imports": 3}])
def test_a_config_with_a_malformed_part_is_reported(tmp_path, key, value):
    run = fresh(tmp_path / "r")
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, key: value}))
    with pytest.raises(UserError):
        Run(run.folder)


def test_an_image_shape_has_three_values():
    with pytest.raises(UserError):
        from_dict(DataCard, {"source": "a", "fingerprint": "b", "image_shape": [1, 2]})


def test_settings_that_cannot_work_create_no_folder(tmp_path):
    config = presets.cgan_debug()
    big = replace(config, train=replace(config.train, batch_size=500))
    with raises_code("batch-too-large"):
        train(big, tmp_path / "r", tiny_data())
    with raises_code("labels-missing"):
        train(config, tmp_path / "r", tiny_data(labelled=False))
    assert not (tmp_path / "r").exists()


def test_only_the_device_may_change_when_a_run_is_resumed(tmp_path):
    config = presets.gan_debug()
    run = fresh(tmp_path / "r")
    elsewhere = replace(config, train=replace(config.train, device="cpu"))
    assert Run.start(run.folder, elsewhere, tiny_data().card).config == config
    for other in (
        replace(config, name="x"),
        replace(config, train=replace(config.train, batch_size=8)),
        replace(config, optimizer=replace(config.optimizer, beta1=0.5)),
        replace(config, model=replace(config.model, latent_dim=9)),
        presets.ae_debug(),
    ):
        with raises_code("other-run"):
            Run.start(run.folder, other, tiny_data().card)
    assert Run(run.folder).config == config


def test_loading_needs_only_config_and_weights(tmp_path):
    run = train(presets.cgan_debug(), tmp_path / "r", tiny_data())
    for name in ("checkpoints", "samples", "snapshots"):
        for path in (run.folder / name).iterdir():
            path.unlink()
    (run.folder / "log.jsonl").unlink()
    moved = run.folder.rename(tmp_path / "elsewhere")
    model = load(moved)
    assert not model.training
    assert model.classes == ("0", "1", "2")
    assert torch.equal(model.sample(3, 1, seed=5), load(moved).sample(3, "1", seed=5))


def test_a_missing_snapshot_is_reported(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    with raises_code("no-snapshot"):
        run.load(7)


def test_of_two_rows_of_a_step_the_later_counts(tmp_path):
    run = fresh(tmp_path / "r")
    for step, loss in ((10, 1.0), (20, 2.0), (10, 3.0)):
        run.append_log({"step": step, "loss": loss})
    assert [(row["step"], row["loss"]) for row in run.log()] == [(10, 3.0), (20, 2.0)]


def test_non_finite_numbers_are_never_written(tmp_path):
    run = fresh(tmp_path / "r")
    run.save_metrics({"fd": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        run.save_metrics({"fd": float("nan")})
    assert json.loads((run.folder / "metrics.json").read_text()) == {"fd": 1.0}
