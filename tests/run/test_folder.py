"""The run folder keeps what it holds, and says what is wrong with it."""

import json
from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import DataCard, from_dict
from latentarium.errors import UserError
from latentarium.run import Run, load
from latentarium.run.checkpoints import Checkpoint
from latentarium.training import train


def fresh(folder) -> Run:
    return Run.start(folder, presets.gan_debug(), tiny_data().card)


def names(run: Run) -> list[str]:
    return sorted(p.name for p in (run.folder / "checkpoints").iterdir())


def numbered(step: int) -> Checkpoint:
    return Checkpoint(step, 1.5, {"a": torch.full((3,), float(step))})


def test_the_last_two_checkpoints_are_kept_and_the_newest_is_read(tmp_path):
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


def test_weights_without_their_card_are_no_checkpoint_and_are_swept(tmp_path):
    """What a kill between the two writes leaves."""
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    (run.folder / "checkpoints" / "000000020.json").unlink()
    saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10
    run.save_checkpoint(numbered(30))
    assert [n for n in names(run) if "20" in n] == []


def test_what_another_hand_put_among_checkpoints_stays_and_is_none(tmp_path):
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    place = run.folder / "checkpoints"
    (place / "000000010 copy.json").write_text("{}")
    (place / "best.safetensors").write_text("")
    (place / "notes").mkdir()
    for step in (20, 30):
        run.save_checkpoint(numbered(step))
    assert run.checkpoints() == [20, 30]
    assert run.last_good().startswith("The last good checkpoint is that of step 30")
    assert {"000000010 copy.json", "best.safetensors", "notes"} < set(names(run))


def test_a_card_that_lies_about_its_step_is_passed_over(tmp_path):
    """The checksum guards the tensors; the name guards the step."""
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    card = run.folder / "checkpoints" / "000000020.json"
    card.write_text(card.read_text().replace('"step": 20', '"step": 28'))
    with pytest.warns(UserWarning, match="its step is not that of its name"):
        saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10


@pytest.mark.parametrize("content", ["", "[]", "null", '"x"', "{", '{"step": 20}'])
def test_a_card_that_is_no_card_is_passed_over(tmp_path, content):
    run = fresh(tmp_path / "r")
    run.save_checkpoint(numbered(10))
    run.save_checkpoint(numbered(20))
    (run.folder / "checkpoints" / "000000020.json").write_text(content)
    with pytest.warns(UserWarning, match="damaged"):
        saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step == 10


def test_what_a_kill_left_neither_blocks_nor_stays(tmp_path):
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


def test_the_lock_is_free_again_after_use(tmp_path):
    run = fresh(tmp_path / "r")
    for _ in range(2):
        with run.lock():
            pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "can't be read"),
        (b"{", "can't be read"),
        (b"[1]", "not what latentarium writes"),
        (b"{}", "run format None"),
        (b'{"format": 2, "versions": 3}', "run format 2"),
        (b'{"format": 1}', "must be an object"),
    ],
)
def test_a_config_that_is_none_says_so(tmp_path, content, words):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=words):
        Run(tmp_path)


def test_an_image_shape_has_three_values():
    with pytest.raises(UserError, match="must have 3 values, not 2"):
        from_dict(DataCard, {"source": "a", "fingerprint": "b", "image_shape": [1, 2]})


def test_settings_that_cannot_work_do_not_claim_the_folder(tmp_path):
    config = presets.cgan_debug()
    big = replace(config, train=replace(config.train, batch_size=500))
    with pytest.raises(UserError, match="batch_size is 500"):
        train(big, tmp_path / "r", tiny_data())
    with pytest.raises(UserError, match="needs labels"):
        train(config, tmp_path / "r", tiny_data(labelled=False))
    assert not (tmp_path / "r").exists()


def test_a_run_may_move_to_another_device_but_no_setting_may_change(tmp_path):
    config = presets.gan_debug()
    run = fresh(tmp_path / "r")
    elsewhere = replace(config, train=replace(config.train, device="cpu"))
    assert Run.start(run.folder, elsewhere, tiny_data().card).config == config
    for other in (
        replace(config, name="x"),
        replace(config, train=replace(config.train, steps=41)),
        replace(config, optimizer=replace(config.optimizer, beta1=0.5)),
        replace(config, model=replace(config.model, latent_dim=9)),
        presets.ae_debug(),
    ):
        with pytest.raises(UserError, match="holds another run"):
            Run.start(run.folder, other, tiny_data().card)
    assert Run(run.folder).config == config


def test_a_loaded_run_needs_nothing_but_its_folder(tmp_path):
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


def test_a_snapshot_that_was_not_kept_is_named(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    with pytest.raises(UserError, match="no snapshot of step 7: it has those of 0, 1, 40"):
        run.load(7)


def test_of_rows_logged_twice_the_later_counts(tmp_path):
    run = fresh(tmp_path / "r")
    for step, loss in ((10, 1.0), (20, 2.0), (10, 3.0)):
        run.append_log({"step": step, "loss": loss})
    assert [(row["step"], row["loss"]) for row in run.log()] == [(10, 3.0), (20, 2.0)]


def test_no_number_that_json_has_not_is_written(tmp_path):
    run = fresh(tmp_path / "r")
    run.save_metrics({"fd": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        run.save_metrics({"fd": float("nan")})
    assert json.loads((run.folder / "metrics.json").read_text()) == {"fd": 1.0}
