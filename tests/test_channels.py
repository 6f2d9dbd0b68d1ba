"""Pictures of images with any number of channels: grey, or the first three as colours."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from latentarium.data.dataset import to_uint8
from latentarium.data.sources import load_data
from latentarium.image_files import grid, grid_png, save_images, thumbnails
from latentarium.latent.animation import path_animation
from latentarium.presets import vae_debug
from latentarium.training.loop import train
from support.data_files import image_bytes, write_files
from support.errors import raises_code

CHANNELS = [1, 2, 3, 4, 13]


def images(channels: int, count: int = 6) -> torch.Tensor:
    return torch.rand(count, channels, 9, 11, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("channels", CHANNELS)
def test_grids_thumbnails_and_animations_show_the_first_channels(channels):
    x = images(channels)
    shown = 3 if channels >= 3 else 1
    sheet = grid(x, columns=3)
    assert sheet.ndim == (3 if shown == 3 else 2)
    first = to_uint8(x[0, :shown]).permute(1, 2, 0).numpy()
    assert np.array_equal(sheet[:9, :11].reshape(9, 11, shown), first)
    mode = "RGB" if shown == 3 else "L"
    for png in (grid_png(x), *thumbnails(x, 3, 16)):
        assert Image.open(io.BytesIO(png)).mode == mode
    gif = Image.open(io.BytesIO(path_animation(to_uint8(x).numpy(), side=11))).convert("RGB")
    assert np.asarray(gif).shape == (9, 11, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_saved_images_show_the_same_channels_as_grids(channels, tmp_path):
    x = images(channels)
    save_images(x, tmp_path / "new" / "grid.png", columns=3, scale=1)
    saved = np.asarray(Image.open(tmp_path / "new" / "grid.png"))
    assert np.array_equal(saved, grid(x, columns=3))
    save_images(to_uint8(x)[0].numpy(), tmp_path / "one.png")
    one = np.asarray(Image.open(tmp_path / "one.png"))
    assert one.shape[:2] == (9 * 10, 11 * 10)
    shown = 3 if channels >= 3 else 1
    first = to_uint8(x[0, :shown]).permute(1, 2, 0).numpy()
    assert np.array_equal(one[::10, ::10].reshape(9, 11, shown), first)


def test_what_is_not_an_image_is_not_saved(tmp_path):
    for wrong in (torch.zeros(4, 4), torch.zeros(0, 1, 4, 4), torch.zeros(1, 1, 1, 4, 4)):
        with raises_code("shape-mismatch"):
            save_images(wrong, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def short(source: str = "arrays"):
    config = vae_debug()
    return replace(config, train=replace(config.train, steps=2, data=source))


def test_images_of_13_channels_are_trained_on(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 13), dtype=np.uint8)
    run = train(short(), tmp_path / "r", load_data(values))
    assert run.load().sample(2).shape == (2, 13, 16, 16)


def test_a_run_on_deep_images_scales_later_images_by_its_range(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4096, (40, 16, 16), dtype=np.uint16)
    values[:, 0, :2] = 0, 4095
    bright = {f"{i}.png": image_bytes(Image.fromarray(v)) for i, v in enumerate(values)}
    dark = {f"{i}.png": image_bytes(Image.fromarray(v // 2)) for i, v in enumerate(values)}
    source = str(write_files(tmp_path / "bright", bright))
    run = train(short(source), tmp_path / "r")
    assert run.data.value_range == (0, 4095)
    assert run.load_data().card == run.data
    later = run.load_data(str(write_files(tmp_path / "dark", dark)))
    assert later.card.value_range == (0, 4095)
    assert later.train.images.max() == round(2047 / 4095 * 255)
    assert load_data(tmp_path / "dark").train.images.max() == 255  # from its own cache entry
