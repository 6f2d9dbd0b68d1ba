"""Snapshots: aligned maps, decoding at each step, and the animation."""

import io
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import Split, to_uint8
from latentarium.data.subsets import stratified
from latentarium.latent.animation import (
    DOT,
    DOT_OPACITY,
    MARGIN,
    MIN_MAP_SIDE,
    TITLE_HEIGHT,
    Window,
    draw_map,
    snapshots_gif,
)
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.planes import aligned_plane, principal_plane
from latentarium.latent.snapshots import Snapshots, watched_images
from latentarium.models.inference import decode, fixed_samples, reconstruct
from latentarium.run import Run
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import MAX_CACHED_SNAPSHOTS, ModelRegistry
from latentarium.studio.server import make_app
from support.tiny import tiny_arrays

FAMILIES = (("vae_debug", "VAE"), ("gan_debug", "GAN"), ("cgan_debug", "conditional GAN"))


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(400)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    return [
        la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        for name, _ in FAMILIES
    ]


@pytest.fixture(scope="module")
def registry(data, runs):
    found = [
        LoadedModel(
            name=n, folder=str(run.folder), kind=k, latent_map=LatentMap(run.load(), data), run=run
        )
        for run, (n, k) in zip(runs, FAMILIES, strict=True)
    ]
    shipped = LoadedModel(
        name="ae", folder="f", kind="VAE", latent_map=LatentMap(runs[0].load(), data)
    )
    return ModelRegistry([*found, shipped])


@pytest.fixture(scope="module")
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def distances(points):
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def test_aligned_plane_minimizes_the_distance_to_the_other_map():
    noise = torch.Generator().manual_seed(0)
    z = torch.randn(300, 5, generator=noise) * torch.tensor([3.0, 2.0, 0.5, 0.3, 0.1])
    plane = principal_plane(z)
    here = plane.project(z)
    mirror = torch.tensor([[0.6, 0.8], [0.8, -0.6]], dtype=torch.float64)
    again = aligned_plane(plane, z, here @ mirror + 7)
    # a rotated, mirrored and translated map is recovered
    torch.testing.assert_close(again.project(z), here @ mirror, rtol=0, atol=1e-9)
    towards = torch.randn(300, 2, generator=noise, dtype=torch.float64)
    again = aligned_plane(plane, z, towards)
    torch.testing.assert_close(again.axes @ again.axes.T, torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(again.unproject(again.project(z)), plane.unproject(here))
    torch.testing.assert_close(distances(again.project(z)), distances(here))

    def far(turn):
        return float((here @ turn - towards).square().sum())

    best = float((again.project(z) - towards).square().sum())
    for angle in torch.linspace(0, 6.2, 60, dtype=torch.float64):
        c, s = angle.cos(), angle.sin()
        assert best <= far(torch.stack([torch.stack([c, -s]), torch.stack([s, c])])) + 1e-6
        assert best <= far(torch.stack([torch.stack([c, s]), torch.stack([s, -c])])) + 1e-6


def test_stratified_subset_keeps_class_shares_and_is_deterministic():
    labels = torch.tensor([0] * 700 + [1] * 250 + [2] * 50)
    images = torch.arange(1000).view(-1, 1, 1, 1).expand(-1, 1, 8, 8).to(torch.uint8)
    part = stratified(Split(images, labels), 101)
    assert part.labels is not None
    assert part.labels.bincount().tolist() == [71, 25, 5]
    assert torch.equal(part.images, stratified(Split(images, labels), 101).images)
    assert len(stratified(Split(images, None), 101)) == 101
    assert len(stratified(Split(images, labels), 5000)) == 1000


def test_snapshot_maps_are_aligned_and_show_the_same_images(runs, data):
    snapshots = Snapshots(runs[0], data)
    assert snapshots.steps == runs[0].snapshots() == [0, 1, 40]
    maps = [snapshots.latent_map(i) for i in (1, 2, 3)]
    for early, late in itertools.pairwise(maps):
        assert torch.equal(early.encoded.train.images, late.encoded.train.images)
        here, there = (torch.from_numpy(one.points()).double() for one in (early, late))
        own = principal_plane(early.latents).project(early.latents)
        assert float((here - there).norm()) <= float((own - there).norm()) + 1e-5
        torch.testing.assert_close(distances(here), distances(own), rtol=0, atol=1e-5)
    # the order of requests makes no difference
    torch.testing.assert_close(
        Snapshots(runs[0], data).latent_map(1).points(), maps[0].points(), rtol=0, atol=1e-5
    )


def test_decoding_at_a_snapshot_uses_its_weights(runs, registry):
    for index in (0, 1):
        model = runs[index].load(1)
        latent_map = registry.latent_map(index, 2)
        place = torch.tensor([[0.3, -0.2]])
        z = (
            latent_map.plane.unproject(place).float()
            if latent_map.can_encode
            else latent_map.encoded.lattice(place.double())
        )
        expected = to_uint8(decode(model, z))
        assert np.array_equal(to_uint8(latent_map.decode_at(0.3, -0.2)), expected)
        final = to_uint8(registry.latent_map(index).decode_at(0.3, -0.2))
        assert not np.array_equal(final, expected)


def test_snapshots_decode_what_the_registry_decodes(runs, data, registry):
    snapshots = Snapshots(runs[0], data)
    assert torch.equal(
        snapshots.latent_map(2).decode_at(0.5, 0.25),
        registry.latent_map(0, 2).decode_at(0.5, 0.25),
    )


@pytest.mark.parametrize("index", [0, 1, 2])
def test_snapshot_route_returns_samples_and_reconstructions(index, client, runs, data):
    content = client.get(f"/api/models/{index}/snapshots/2").content
    samples, columns, rebuilt = np.frombuffer(content, "<u4", 3)
    pixels = np.frombuffer(content, np.uint8, offset=12).reshape(-1, 12, 10, 1)
    model = runs[index].load(1)
    expected, expected_columns = fixed_samples(model, 32 if index == 0 else 64)
    assert columns == expected_columns == (3 if index == 2 else 8)
    assert np.array_equal(pixels[:samples, :, :, 0], to_uint8(expected)[:, 0])
    if index == 0:
        again = to_uint8(reconstruct(model, watched_images(data)))
        assert rebuilt == 12
        assert np.array_equal(pixels[samples:, :, :, 0], again[:, 0])
        real = np.frombuffer(client.get("/api/models/0/held-out").content, np.uint8)
        assert np.array_equal(real, watched_images(data).images.flatten())
    else:
        assert rebuilt == 0


def test_watched_images_are_held_out_images_ordered_by_class(data):
    found = watched_images(data)
    assert len(found) == 12
    assert found.labels is not None
    assert found.labels.tolist() == sorted(found.labels.tolist())
    assert set(found.labels.tolist()) == {0, 1, 2}
    held_out = data.validation.images.flatten(1)
    assert all((held_out == one.flatten()).all(1).any() for one in found.images)


def test_animation_has_a_frame_for_each_snapshot(client, runs, data):
    content = client.get("/api/models/1/animation.gif").content
    assert content == snapshots_gif(Snapshots(runs[1], data))
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, getattr(picture, "n_frames", 1)) == ("GIF", 3)


def test_animation_shows_map_samples_and_step(runs, data):
    snapshots = Snapshots(runs[0], data)
    frames = ImageSequence.Iterator(Image.open(io.BytesIO(snapshots_gif(snapshots))))
    shown = [np.asarray(frame.convert("RGB")).astype(int) for frame in frames]
    side = max(MIN_MAP_SIDE, shown[0].shape[0] - TITLE_HEIGHT - MARGIN)
    maps = [one[TITLE_HEIGHT : TITLE_HEIGHT + side, MARGIN : MARGIN + side] for one in shown]
    samples = [one[TITLE_HEIGHT:, 2 * MARGIN + side :] for one in shown]
    assert all((np.ptp(one, axis=2) > 40).sum() > 500 for one in maps)  # classes have colours
    assert all(np.ptp(one, axis=2).max() < 20 for one in samples)  # these images have none
    for first, *_, last in (maps, samples, [one[:TITLE_HEIGHT] for one in shown]):
        assert (first != last).any()


def test_drawn_points_have_the_right_pixels_and_mixed_colours():
    places = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    window = Window(left=-0.5, low=-0.5, size=2.0)
    labels = torch.tensor([0, 1, 1])
    names = tuple(str(i) for i in range(20))  # too many to be named
    picture = draw_map(places, labels, names, window, 100).astype(int)
    (left, low), _, (right, high) = window.pixels(places.numpy(), 100).astype(int)
    assert (left, low, right, high) == (25, 75, 75, 25)
    single, both = 255 - picture[high, right], 255 - picture[low, left]
    blue, red = (255 - np.array(hue) for hue in ((0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)))
    np.testing.assert_allclose(single, (1 - np.exp(-DOT_OPACITY)) * red, atol=1)
    np.testing.assert_allclose(both, (1 - np.exp(-2 * DOT_OPACITY)) * (blue + red) / 2, atol=1)
    assert (picture < 255).any(2).sum() == 2 * DOT**2
    around = Window.around([places, 3 * places])
    assert around is not None
    assert around.left < 0
    assert around.left + around.size > 2.9
    grey = draw_map(places, None, (), window, 100)
    assert np.ptp(grey.astype(int), axis=2).max() == 0


@pytest.mark.parametrize(
    "path",
    ["0/snapshots/4", "0/snapshots/-1", "3/snapshots/1", "9/snapshots/1", "3/animation.gif",
     "9/animation.gif", "9/held-out", "0/map?snapshot=4"],
)  # fmt: skip
def test_unknown_snapshots_are_not_found(path, client):
    answer = client.get(f"/api/models/{path}")
    assert answer.status_code == 404
    assert answer.text


def test_cached_snapshots_are_bounded_and_their_maps_stay_the_same(runs, data):
    latent_map = LatentMap(runs[0].load(), data)
    registry = ModelRegistry([
        LoadedModel(name=str(i), folder=str(i), kind="VAE", latent_map=latent_map, run=runs[0])
        for i in range(10)
    ])  # fmt: skip
    first = registry.latent_map(0, 1).points()
    for i in range(10):
        for moment in (1, 2, 3):
            registry.latent_map(i, moment)
    assert len(registry._snapshots) == MAX_CACHED_SNAPSHOTS
    np.testing.assert_array_equal(registry.latent_map(0, 1).points(), first)


def test_damaged_snapshot_is_refused_and_the_others_remain(runs, data, tmp_path):
    folder = Path(shutil.copytree(runs[0].folder, tmp_path / "r"))
    (folder / "snapshots" / "000000001.safetensors").write_bytes(b"torn")
    latent_map = LatentMap(runs[0].load(), data)
    loaded = LoadedModel(name="r", folder="r", kind="VAE", latent_map=latent_map, run=Run(folder))
    with TestClient(make_app(ModelRegistry([loaded])), base_url="http://127.0.0.1:8765") as client:
        answer = client.get("/api/models/0/snapshots/2")
        assert answer.status_code == 422
        assert answer.text
        # those before and after it are available
        assert client.get("/api/models/0/snapshots/3").status_code == 200
        assert client.get("/api/models/0/snapshots/1").status_code == 200


def test_later_snapshots_are_aligned_with_earlier_ones(data, tmp_path):
    run = la.train(presets.vae_debug(), tmp_path / "r", data)
    first, *_, last = run.snapshots()
    later = [run.folder / "snapshots" / f"{step:09d}.safetensors" for step in run.snapshots()[1:]]
    kept = [path.rename(tmp_path / path.name) for path in later]
    snapshots = Snapshots(run, data)
    before = snapshots.points(1)
    assert before is not None
    for path in kept:
        path.rename(run.folder / "snapshots" / path.name)
    assert snapshots.update()
    assert (snapshots.steps[0], snapshots.steps[-1]) == (first, last)
    same = snapshots.points(1)
    assert same is not None
    assert torch.equal(same, before)
    for one in range(2, len(snapshots) + 1):
        latent_map, beside = snapshots.latent_map(one), snapshots.points(one - 1)
        assert beside is not None
        best = aligned_plane(principal_plane(latent_map.latents), latent_map.latents, beside)
        torch.testing.assert_close(latent_map.plane.axes, best.axes)
    path = run.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id": "another"}))
    assert not snapshots.update()  # the folder contains another run
