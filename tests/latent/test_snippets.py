"""The Python that the studio offers for copying: public names only, and exactly the images shown.

Each snippet here has the form of one kind that the page generates.
"""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.data.dataset import to_float, to_uint8
from latentarium.image_files import grid
from latentarium.latent import Snapshots
from latentarium.models.inference import decode, fixed_samples

FAMILIES = ("ae_debug", "vae_debug", "cgan_debug")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    images, labels = tiny_arrays(400)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return str(path)


@pytest.fixture(scope="module")
def runs(source, tmp_path_factory):
    trained = {}
    for name in FAMILIES:
        config = presets.get(name)
        config = replace(config, train=replace(config.train, data=source))
        folder = tmp_path_factory.mktemp(name) / "r"
        trained[name] = la.train(config, folder, la.load_data(source))
    return trained


@pytest.fixture
def show(runs, source):
    """Return a function that runs a snippet on a family's run, and returns its variables."""

    def execute(family: str, *lines: str) -> dict:
        model = f"la.load({json.dumps(str(runs[family].folder))})"
        head = ["import latentarium as la", f"model = {model}"]
        latent_map = f"latent_map = la.LatentMap(model, la.load_data({json.dumps(source)}))"
        code = "\n".join([*head, latent_map, *lines])
        assert not re.search(r"latentarium\.|import (?!latentarium as la|numpy as np)", code)
        variables: dict = {}
        exec(code, variables)
        return variables

    return execute


@pytest.fixture(scope="module")
def latent_maps(runs, source):
    return {name: la.LatentMap(run.load(), la.load_data(source)) for name, run in runs.items()}


def pixels_at(latent_map, x, y, plane=None, weights=None):
    """Return what the decode socket sends for a point."""
    point = torch.tensor([[x, y]], dtype=torch.float32).double()
    z = latent_map.unproject(point, plane)
    return torch.from_numpy(latent_map.decode_scored(z, weights).pixels)


def test_cursor(show, latent_maps):
    image = show("vae_debug", "image = latent_map.decode_at(0.25, -0.5)")["image"]
    assert torch.equal(to_uint8(image), pixels_at(latent_maps["vae_debug"], 0.25, -0.5))
    image = show("vae_debug", 'image = latent_map.decode_at(0.25, -0.5, plane="c0_c1_i5")')[
        "image"
    ]
    expected = pixels_at(latent_maps["vae_debug"], 0.25, -0.5, "c0_c1_i5")
    assert torch.equal(to_uint8(image), expected)
    image = show("cgan_debug", 'image = latent_map.decode_at(0.25, -0.5, label="1")')["image"]
    weights = torch.tensor([[0.0, 1.0, 0.0]])
    expected = pixels_at(latent_maps["cgan_debug"], 0.25, -0.5, weights=weights)
    assert torch.equal(to_uint8(image), expected)


@pytest.mark.parametrize("method", ["linear", "spherical", "data"])
def test_path(method, show, latent_maps):
    latent_map = latent_maps["ae_debug"]
    images = show(
        "ae_debug",
        f'z = latent_map.interpolate("i3", "0.5,-1.25", steps=8, method="{method}")',
        "images = latent_map.decode(z)",
    )["images"]
    ends = latent_map.named_latent("i3"), latent_map.named_latent("0.5,-1.25")
    z = latent_map.interpolator.path(*ends, 8, method)
    assert torch.equal(images, decode(latent_map.model, z))


def test_path_under_a_label(show, latent_maps):
    latent_map = latent_maps["cgan_debug"]
    images = show(
        "cgan_debug",
        'z = latent_map.interpolate("0,0", "2.5,1", steps=8, method="spherical")',
        'images = latent_map.decode(z, label="1")',
    )["images"]
    z = latent_map.interpolator.path(
        latent_map.named_latent("0,0"), latent_map.named_latent("2.5,1"), 8, "spherical"
    )
    assert torch.equal(images, decode(latent_map.model, z, torch.full((8,), 1)))


@pytest.mark.parametrize(
    "call",
    [
        "class_latents(1, seed=7, truncation=0.5)",
        "gaussian_latents(seed=7, truncation=0.5)",
        "ellipse_latents((0.5, -1.0), major=0.7, minor=0.2, angle=0.3, seed=7)",
        'ellipse_latents((0.5, -1.0), major=0.7, minor=0.2, angle=0.3, plane="c0_c1_c2")',
    ],
)
def test_gaussian(call, show, latent_maps):
    code = f"z = latent_map.{call}\nimages = latent_map.decode(z[:25])"
    variables = show("vae_debug", code)
    assert len(variables["z"]) == 400
    assert torch.equal(
        variables["images"], decode(latent_maps["vae_debug"].model, variables["z"][:25])
    )


def test_sample_of_a_class_gaussian(show, latent_maps):
    from latentarium.latent.class_samples import class_gaussian, sample_gaussian

    latent_map = latent_maps["vae_debug"]
    images = show(
        "vae_debug", 'images = latent_map.sample_class("2", 16, seed=3, truncation=0.8)'
    )["images"]
    gaussian = class_gaussian(latent_map.model, latent_map.data, "2")
    assert torch.equal(images, sample_gaussian(latent_map.model, gaussian, 16, 3, truncation=0.8))


def test_image_from_the_map_located_and_inverted(show, latent_maps):
    latent_map = latent_maps["ae_debug"]
    variables = show(
        "ae_debug",
        "image = latent_map.image(17)[None]",
        "reconstruction = latent_map.locate(image).reconstruction",
        "inversion = latent_map.invert(image, seed=3, steps=5)",
    )
    location = latent_map.locate(latent_map.image(17)[None])
    assert torch.equal(variables["reconstruction"], location.reconstruction)
    inversion = latent_map.invert(latent_map.image(17)[None], seed=3, steps=5)
    assert torch.equal(variables["inversion"].z, inversion.z)


def test_image_from_a_file(show, latent_maps, tmp_path):
    latent_map = latent_maps["ae_debug"]
    path = tmp_path / "image.png"
    Image.fromarray(grid(to_float(latent_map.image(5)[None]))).save(path)
    pixels = np.array(Image.open(path).convert("L"))[None, None]
    location = latent_map.locate(pixels)
    expected = latent_map.locate(latent_map.image(5)[None])
    assert torch.equal(location.reconstruction, expected.reconstruction)


def test_comparison_of_reconstructions_and_seeds(show, latent_maps):
    variables = show(
        "ae_debug",
        "reconstruction = latent_map.reconstruct(latent_map.image(17)[None])",
        "image = latent_map.decode_at(0.5, 2.25, seeds=True)",
    )
    latent_map = latent_maps["ae_debug"]
    scored = latent_map.decoder.reconstruct_scored(latent_map.image(17)[None])
    assert np.array_equal(to_uint8(variables["reconstruction"]).numpy(), scored.pixels)
    z = latent_map.encoded.lattice(torch.tensor([[0.5, 2.25]], dtype=torch.float64))
    expected = torch.from_numpy(latent_map.decode_scored(z).pixels)
    assert torch.equal(to_uint8(variables["image"]), expected)


@pytest.mark.parametrize("family", ["vae_debug", "cgan_debug"])
def test_snapshot(family, runs, source):
    run = runs[family]
    step = run.snapshots()[1]
    samples = (
        "samples = model.sample(32, seed=0)"
        if family == "vae_debug"
        else "samples = model.sample(24, label=[0, 1, 2] * 8, seed=0)"
    )
    label = "" if family == "vae_debug" else ', label="1"'
    code = [
        "import latentarium as la",
        f"run = la.Run({json.dumps(str(run.folder))})",
        f"model = run.load({step})",
        samples,
        f"latent_map = la.LatentMap.from_run(run, step={step})",
        f"image = latent_map.decode_at(0.3, -0.2{label})",
    ]
    variables: dict = {}
    exec("\n".join(code), variables)
    expected, _ = fixed_samples(run.load(step), 32)
    assert torch.equal(variables["samples"], expected)
    latent_map = Snapshots(run, la.load_data(source)).latent_map(2)
    at_point = latent_map.decode_at(0.3, -0.2, None if family == "vae_debug" else "1")
    assert torch.equal(variables["image"], at_point)
