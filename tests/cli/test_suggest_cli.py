"""`train` and `data check` suggest the presets that fit, with a command that runs as it stands."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentarium.run import Run
from support.command_line import error_and_code, error_code, output_of, run_command
from support.tiny import tiny_arrays

QUICK = ["--train.steps", "1", "--train.sample-every", "0", "--train.snapshots", "0"]


def write_pictures(folder: Path, shape=(3, 16, 16), classes=2, n=40) -> Path:
    """Write pictures; with classes, in a sub-folder for each class."""
    pixels, labels = tiny_arrays(n, shape, max(1, classes))
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = folder / f"class {label}" / f"{number}.png" if classes else folder / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        channels_last = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(channels_last).save(path)
    return folder


@pytest.fixture
def labelled(tmp_path):
    return write_pictures(tmp_path / "my pictures")


@pytest.fixture
def unlabelled(tmp_path):
    return write_pictures(tmp_path / "unlabelled", classes=0)


def commands_in(text: str) -> list[list[str]]:
    """Return the words of all training commands in a text."""
    lines = (line.partition("latentarium train ")[1:] for line in text.splitlines())
    return [shlex.split("".join(parts))[1:] for parts in lines if parts[1]]


def run_there(command: list[str], folder: Path) -> Run:
    """Run a training command for a single step, into a folder."""
    run_command(*command, "--run", folder, *QUICK)
    return Run(folder)


def test_train_with_data_only_lists_commands_that_run(capsys, labelled, tmp_path):
    commands = commands_in(output_of(capsys, "train", "--data", labelled))
    assert [command[1] for command in commands] == [
        "vae_images", "gan_images", "ae_images", "cgan_images", "cvae_images"
    ]  # fmt: skip
    for command in commands:
        run = run_there(command, tmp_path / command[1])
        assert run.config.name == command[1]
        assert run.data.image_shape == (3, 16, 16)


def test_data_in_the_place_of_the_preset_is_recognized(capsys, labelled):
    message, code = error_and_code(capsys, "train", labelled, "--train.seed", "3")
    assert code == "preset-missing"
    for command in commands_in(message):
        assert command[command.index("--data") + 1] == str(labelled)
        assert command[command.index("--train.seed") + 1] == "3"
    assert error_code(capsys, "train", "no-such-thing") == "unknown-preset"


def test_an_incomplete_training_is_an_error_and_a_question_about_data_is_not(capsys, labelled):
    shown = output_of(capsys, "train", "--data", labelled, "--image-size=16")
    assert commands_in(shown)
    for setting in ("--run=r", "--dry-run", "--json", "--train.steps=5"):
        assert error_code(capsys, "train", "--data", labelled, setting) == "preset-missing"
    assert error_code(capsys, "train", "--data", labelled / "no") == "file-not-found"


def test_run_settings_without_a_preset_keep_their_place_in_the_commands(capsys):
    message, code = error_and_code(capsys, "train", "--run", "a b", "--train.steps=5")
    assert code == "preset-missing"
    (first, *_) = commands_in(message)
    assert first == ["train", "cgan_mnist", "--run", "a b", "--train.steps", "5"]


def test_options_may_precede_the_preset(labelled, tmp_path):
    arguments = ["--data", labelled, *QUICK, "--run", tmp_path / "r", "vae_debug"]
    run_command("train", *arguments)
    assert Run(tmp_path / "r").config.name == "vae_debug"


def test_help_without_a_preset_lists_all(capsys):
    assert "cgan_images" in output_of(capsys, "train", "--help")


@pytest.mark.parametrize(
    ("preset", "code", "instead"),
    [("cgan_mnist", "labels-missing", "gan_images"), ("gan_ring", "preset-mismatch", "gan_images"),
     ("cvae_images", "labels-missing", "vae_images")],
)  # fmt: skip
def test_a_preset_that_does_not_fit_names_one_that_does(
    capsys, unlabelled, tmp_path, monkeypatch, preset, code, instead
):
    monkeypatch.chdir(tmp_path)
    message, found = error_and_code(
        capsys, "train", preset, "--data", unlabelled, "--model.latent-dim", "3"
    )
    assert found == code
    assert len(message.splitlines()) == 1
    (command,) = commands_in(message)
    assert command[1] == instead
    assert "--model.latent-dim" not in command
    assert not (tmp_path / "runs").exists()
    assert run_there(command, tmp_path / "r").config.name == instead


def test_a_fully_connected_preset_is_refused_for_large_colour_images(capsys, tmp_path):
    folder = write_pictures(tmp_path / "p", (3, 64, 64))
    command = ["train", "vae_mnist", "--data", folder, "--run", tmp_path / "r"]
    assert error_code(capsys, *command) == "preset-mismatch"
    assert error_code(capsys, *command, "--dry-run") == "preset-mismatch"
    assert not (tmp_path / "r").exists()
    run_command(*command, *QUICK, "--train.batch-size", "8", "--model.encoder.width", "8",
                "--model.decoder.width", "8")  # fmt: skip


def test_too_few_images_get_a_smaller_batch_of_the_same_preset(capsys, tmp_path):
    folder = write_pictures(tmp_path / "few", n=12)
    message, code = error_and_code(capsys, "train", "gan_images", "--data", folder)
    assert code == "batch-too-large"
    (command,) = commands_in(message)
    assert command[1] == "gan_images"
    assert run_there(command, tmp_path / "r").config.train.batch_size == 8


def test_large_images_are_fitted_unless_a_size_is_given(capsys, tmp_path):
    folder = write_pictures(tmp_path / "large", (1, 140, 150))
    message, code = error_and_code(capsys, "train", "ae_images", "--data", folder)
    assert code == "preset-mismatch"
    (command,) = commands_in(message)
    assert run_there(command, tmp_path / "r").data.image_shape == (1, 64, 64)
    size = ["--image-size", "136", "--train.batch-size", "8"]
    run_command("train", "ae_debug", "--data", folder, "--run", tmp_path / "s", *size, *QUICK)
    warning = (
        "136 x 136 pixels, but {} is made for at most 128 x 128: a step takes about 1.1 times"
    )
    assert warning.format("ae_debug") in capsys.readouterr().err
    report = output_of(capsys, "data", "check", folder, *size[:2])
    assert warning.format("vae_images") in report
    (command,) = commands_in(report)
    assert command[command.index("--image-size") + 1] == "136"
    message, code = error_and_code(
        capsys, "train", "cgan_mnist", "--data", write_pictures(tmp_path / "u", classes=0), *size
    )
    assert code == "labels-missing"
    (command,) = commands_in(message)
    assert command[command.index("--image-size") + 1] == "136"


def test_presets_for_images_need_data(capsys, tmp_path):
    command = ["train", "vae_images", "--run", tmp_path / "r"]
    assert error_code(capsys, *command) == "data-missing"
    assert not (tmp_path / "r").exists()


def test_an_existing_run_resumes_even_if_its_preset_would_be_refused(tmp_path, unlabelled):
    """Earlier versions trained every preset on everything."""
    command = ["train", "gan_debug", "--data", unlabelled, "--run", tmp_path / "r", *QUICK]
    run_command(*command)
    path = tmp_path / "r" / "config.json"
    path.write_text(path.read_text().replace('"gan_debug"', '"gan_ring"'))
    run_command("resume", tmp_path / "r")


def test_data_check_ends_with_a_command_that_runs(capsys, labelled, tmp_path):
    output = output_of(capsys, "data", "check", labelled)
    (command,) = commands_in(output.splitlines()[-1])
    assert run_there(command, tmp_path / "r").data.classes == ("class 0", "class 1")
    report = json.loads(output_of(capsys, "data", "check", labelled, "--json"))
    assert report["presets"][0].keys() == {"preset", "image_size", "batch_size"}
    assert report["presets"][0]["preset"] == command[1]


def test_rgba_arrays_train(capsys, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 4)).astype(np.uint8)
    np.savez(tmp_path / "rgba.npz", images=pixels)
    (command,) = commands_in(output_of(capsys, "data", "check", tmp_path / "rgba.npz"))
    assert run_there(command, tmp_path / "r").load().sample(1).shape[0] == 1
