"""interpolate, invert and nearest."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import latentarium as la
from support.command_line import error_code, output_of, run_command
from support.tiny import tiny_arrays
from support.tiny_runs import train_tiny_runs


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    pixels, labels = tiny_arrays()
    np.savez(place / "tiny.npz", images=pixels[:, 0], labels=labels)
    train_tiny_runs(place, place / "tiny.npz")
    return place


@pytest.fixture(scope="module")
def data(place):
    return la.load_data(place / "tiny.npz")


def images_of(path):
    with np.load(path) as file:
        return file["images"]


def as_pixels(images):
    return ((images.clamp(-1, 1) + 1) * 127.5).round().numpy().astype(np.uint8)


def close(a, b):
    return np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_a_path_between_two_images_is_that_of_the_model(place, data, tmp_path):
    out = tmp_path / "path.npz"
    run_command("interpolate", place / "vae", "test:0", "train:3", "--steps", 5, "--out", out)
    model = la.load(place / "vae")
    a, b = model.encode(torch.cat([data.test.images[:1], data.train.images[3:4]])).mean.detach()
    assert close(images_of(out), as_pixels(model.interpolate(a, b, 5)))


def test_an_image_file_is_prepared_like_the_training_images(place, data, tmp_path):
    file = tmp_path / "digit.png"
    Image.fromarray(data.test.images[0, 0].numpy()).save(file)
    out = tmp_path / "path.npz"
    run_command("interpolate", place / "vae", file, "test:1", "--steps", 3, "--out", out)
    latent_map = la.LatentMap.from_run(place / "vae")
    prepared = latent_map.prepare_image(file).image
    a = latent_map.encode(prepared)[0]
    b = latent_map.encode(data.test.images[1:2])[0]
    assert close(images_of(out), as_pixels(latent_map.model.interpolate(a, b, 3)))


def test_a_conditional_path_blends_the_labels_of_its_ends(place, data, tmp_path):
    out = tmp_path / "path.npz"
    run_command("interpolate", place / "cvae", "test:0", "test:1", "--steps", 3, "--out", out)
    model, labels = la.load(place / "cvae"), data.test.labels[:2]
    a, b = model.encode(data.test.images[:2], labels).mean.detach()
    assert close(images_of(out), as_pixels(model.interpolate(a, b, 3, labels)))
    run_command(
        "interpolate", place / "cgan", "seed:3", "seed:4", "--label", "1", "--steps", 2,
        "--out", out,
    )  # fmt: skip
    gan = la.load(place / "cgan")
    ends = torch.cat([gan.sample(1, 1, seed=3), gan.sample(1, 1, seed=4)])
    assert close(images_of(out), as_pixels(ends))


@pytest.mark.parametrize("name", ["a.gif", "a.WEBP"])
def test_an_animation_plays_forward_and_backward(tmp_path, capsys, name):
    command = ["interpolate", "shipped:gan", "seed:0", "seed:1", "--steps", 4]
    content = json.loads(output_of(capsys, *command, "--out", tmp_path / name, "--json"))
    assert content["steps"] == 4
    assert content["method"] == "linear"
    with Image.open(tmp_path / name) as picture:
        assert getattr(picture, "n_frames", 1) == 6
        first = np.asarray(picture.convert("L"))[::9, ::9]
    assert np.array_equal(first, as_pixels(la.load("shipped:gan").sample(1, seed=0))[0, 0])


def test_a_png_is_a_row(tmp_path):
    command = ["interpolate", "shipped:gan", "seed:0", "seed:1", "--steps", 4]
    run_command(*command, "--out", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 3 * picture.height


def test_ends_that_do_not_exist_are_refused(place, tmp_path, capsys):
    def code(*arguments):
        return error_code(capsys, "interpolate", *arguments, "--out", tmp_path / "a.gif")

    assert code(place / "vae", "test:0", "test:9999") == "unknown-image"
    assert code(place / "vae", "tset:0", "test:1") == "unknown-image"
    assert code(place / "vae", "missing.png", "test:1") == "file-not-found"
    assert code(place / "vae", place / "tiny.npz", "test:1") == "not-an-image"
    assert code(place / "vae", "seed:5000000000", "test:1") == "invalid-seed"
    assert code(place / "gan", "test:0", "test:1") == "no-encoder"
    assert code(place / "gan", "seed:0", "seed:1", "--method", "data") == "unknown-method"
    assert code(place / "vae", "test:0", "test:1", "--label", "1") == "label-not-taken"
    assert code(place / "vae", "test:0", "test:1", "--steps", 1) == "too-few-steps"
    assert not list(tmp_path.iterdir())
    mp4 = ["test:0", "test:1", "--out", tmp_path / "a.mp4"]
    assert error_code(capsys, "interpolate", place / "vae", *mp4) == "unknown-format"


def test_a_file_needs_a_label_where_the_encoder_does(place, data, tmp_path, capsys):
    file = tmp_path / "digit.png"
    Image.fromarray(data.test.images[0, 0].numpy()).save(file)
    command = ["interpolate", place / "cvae", file, "test:1", "--out", tmp_path / "a.npz"]
    assert error_code(capsys, *command) == "label-missing"
    run_command(*command, "--label", "2")


@pytest.mark.parametrize("name", ["vae", "gan", "cgan"])
def test_the_latent_that_invert_finds_decodes_to_the_error_that_it_prints(
    name, place, data, tmp_path, capsys
):
    out = tmp_path / "z.npz"
    command = ["invert", place / name, "test:2", "--steps", 3, "--restarts", 2, "--json"]
    content = json.loads(output_of(capsys, *command, "--out", out))
    model = la.load(place / name)
    label = content["label"]
    assert (label is not None) == model.takes_label
    image = model.decode(np.array([content["z"]]), *([label] if label else [])).detach()
    real = data.test.images[2:3] / 127.5 - 1
    error = float((image.clamp(-1, 1) - real).square().mean())
    assert content["error"] == pytest.approx(error, rel=1e-3)
    run_command("decode", place / name, out, "--out", tmp_path / "a.npz")
    assert close(images_of(tmp_path / "a.npz"), as_pixels(image))


def test_invert_writes_the_image_next_to_the_decoded_latent(place, data, tmp_path):
    out = tmp_path / "a.png"
    run_command("invert", place / "gan", "test:2", "--steps", 2, "--out", out)
    picture = np.asarray(Image.open(out))
    scale = picture.shape[0] // 12
    assert (picture[::scale, ::scale][:12, :10] == data.test.images[2, 0].numpy()).all()


def test_a_training_image_is_nearest_to_itself_among_pixels(place, data, tmp_path, capsys):
    command = ["nearest", place / "gan", "train:5", "--space", "pixels", "-k", 3, "--json"]
    content = json.loads(output_of(capsys, *command, "--out", tmp_path / "a.png"))
    first, second, _ = content["nearest"]
    assert first["number"] == 5
    assert first["distance"] == pytest.approx(0, abs=1e-2)
    train = data.train.images / 127.5 - 1
    expected = (train[5] - train).flatten(1).norm(dim=1).sort()
    assert second["distance"] == pytest.approx(float(expected.values[1]), rel=1e-4)
    assert second["number"] == int(expected.indices[1])
    assert second["label"] == data.card.classes[int(data.train.labels[second["number"]])]
    assert (tmp_path / "a.png").is_file()


def test_nearest_latents_are_those_of_the_map(place, data, capsys):
    content = json.loads(output_of(capsys, "nearest", place / "vae", "test:4", "--json"))
    latent_map = la.LatentMap.from_run(place / "vae")
    expected = latent_map.neighbours(latent_map.encode(data.test.images[4:5]), 8)
    assert [row["number"] for row in content["nearest"]] == expected.index[0].tolist()
    assert error_code(capsys, "nearest", place / "gan", "test:4") == "no-encoder"
    assert error_code(capsys, "nearest", place / "vae", "test:4", "-k", 0) == "invalid-count"
    table = output_of(capsys, "nearest", place / "vae", "test:4", "-k", 2)
    assert "distance" in table
    assert "file" not in table
