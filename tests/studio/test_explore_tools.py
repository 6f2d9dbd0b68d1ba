"""The routes of Explore's tools: planes, Gaussians and paths."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL.GifImagePlugin import GifImageFile
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.latent.animation import path_animation
from latentarium.latent.gap_layer import coarse_to_fine
from latentarium.latent.latent_map import LatentMap
from latentarium.models.interpolation import lerp, slerp
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.samples.assess import describe_gaussian
from latentarium.studio.server import make_app
from support.errors import raises_code
from support.frames import layer
from support.latent_scores import score_latents_only
from support.tiny import tiny_arrays
from support.tiny_studio import gap_grid

GAN = 1


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    found = []
    for name in ("ae_debug", "cgan_debug"):
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        found.append(
            LoadedModel(
                name="my run", folder="r", kind=name, latent_map=LatentMap(run.load(), data)
            )
        )
    return ModelRegistry(found)


@pytest.fixture
def latent_map(registry):
    return registry[0].latent_map


@pytest.fixture
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def get(client, path, model=0, **query):
    return client.get(f"/api/models/{model}/{path}", params=query)


# ------------------------------------------------------------------------------------------ planes


def test_named_plane_goes_through_its_anchors(client, latent_map):
    plane = latent_map.named_plane("i3_c1_i17")
    anchors = torch.stack(
        [latent_map.latents[3], latent_map.gaussians.means[1].float(), latent_map.latents[17]]
    )
    assert float(plane.distance(anchors).max()) < 1e-5
    assert latent_map.named_plane("") is latent_map.plane
    told = get(client, "plane", plane="i3_c1_i17").json()
    np.testing.assert_allclose(told["anchors"], anchors)
    np.testing.assert_allclose(told["axes"], plane.axes)
    assert told["off"] == pytest.approx(float(plane.distance(latent_map.latents).median()))
    assert told["variance_share"] < get(client, "plane").json()["variance_share"]


def test_map_route_projects_all_points_onto_the_plane(client, latent_map):
    plane = latent_map.named_plane("c0_c1_c2")
    content = get(client, "map", plane="c0_c1_c2").content
    n = int.from_bytes(content[:4], "little")
    points = np.frombuffer(content, "<f4", 2 * n, 4).reshape(n, 2)
    np.testing.assert_allclose(
        points, plane.project(latent_map.encoded.all_latents()), rtol=1e-5, atol=1e-5
    )
    centres = [
        (one["x"], one["y"])
        for one in get(client, "plane", plane="c0_c1_c2").json()["ellipses"][0]
    ]
    np.testing.assert_allclose(centres, plane.project(latent_map.gaussians.means), atol=1e-6)


def test_gap_layer_uses_the_requested_plane(client, latent_map):
    box = {"left": -1, "right": 1, "low": -1, "high": 1}
    one, other = (
        layer(get(client, "gaps/distance", plane=plane, **box).text) for plane in ("c0_c1_c2", "")
    )
    expected = gap_grid(
        latent_map, "distance", (-1.0, 1.0, -1.0, 1.0), plane=latent_map.named_plane("c0_c1_c2")
    )
    rows, columns = coarse_to_fine(64).T
    np.testing.assert_array_equal(one, expected[rows, columns])
    assert not np.array_equal(one, other)


def test_decode_at_uses_the_requested_plane(latent_map):
    plane = latent_map.named_plane("i3_c1_i17")
    at_origin = latent_map.decode_at(0.0, 0.0, plane=plane)
    shown = torch.from_numpy(latent_map.decode_scored(latent_map.latents[3:4]).pixels)
    assert torch.equal(((at_origin + 1) * 127.5).round().byte(), shown)


@pytest.mark.parametrize(
    ("name", "code"),
    [("i3_i3_i17", "collinear-anchors"), ("i3_i4", "invalid-name"), ("0,0_i3_i4", "invalid-name"),
     ("i3_i4_i99999", "unknown-image"), ("i3_i4_c3", "unknown-class"), ("x" * 101, "")],
)  # fmt: skip
def test_invalid_plane_names_are_refused(name, code, client, latent_map):
    for path in ("plane", "map", "interpolations"):
        assert get(client, path, plane=name, a="i0", b="i1").status_code == 422
    if code:  # longer names are refused by the routes
        with raises_code(code):
            latent_map.named_plane(name)
    assert get(client, "plane", GAN, plane="c0_c1_c2").status_code == 404


# --------------------------------------------------------------------------------------- gaussians


def test_gaussian_routes_return_the_latents_of_the_map(client, latent_map):
    def told(**query):
        return np.frombuffer(get(client, "gaussian-samples", **query).content, "<f4").reshape(
            400, -1
        )

    given = {"seed": 5, "temperature": 0.5}
    np.testing.assert_array_equal(
        told(of="class", label=1, **given), latent_map.class_latents(1, seed=5, truncation=0.5)
    )
    np.testing.assert_array_equal(
        told(of="all", **given), latent_map.gaussian_latents(seed=5, truncation=0.5)
    )
    ellipse = {"x": 2, "y": -1, "major": 0.5, "minor": 0.25, "angle": 1.0}
    plane = latent_map.named_plane("c0_c1_c2")
    own = torch.from_numpy(told(of="own", plane="c0_c1_c2", **ellipse).copy())
    assert float(plane.distance(own).max()) < 1e-5
    points = plane.project(own)
    torch.testing.assert_close(points.mean(0), torch.tensor([2, -1.0]).double(), atol=0.1, rtol=0)
    assert points.T.cov().det().sqrt() == pytest.approx(0.125, rel=0.15)


def test_class_samples_are_on_the_data_and_samples_of_one_gaussian_are_not(
    latent_map, monkeypatch
):
    """For two compact, distant clusters, one Gaussian has its mass between them."""
    labels = latent_map.encoded.train.labels
    apart = torch.where(labels[:, None] > 0, 50.0, -50.0)
    split = score_latents_only(latent_map, monkeypatch)
    split.encoded.latents = 0.1 * torch.randn(len(labels), latent_map.model.latent_dim) + apart
    split.encoded.held_out_latents = split.latents[:50] + 0.01
    own, one = (
        describe_gaussian(split, z)["off_data"]["share"]
        for z in (split.class_latents(0), split.gaussian_latents())
    )
    assert own < 0.3
    assert one > 0.95


def test_assessment_counts_samples_of_the_right_class(latent_map, monkeypatch):
    def probabilities(images):
        """Take the first half of the images for class 1, and be uncertain about the rest."""
        doubt = torch.tensor([0.3, 0.3, 0.4]).repeat(len(images), 1)
        doubt[: len(images) // 2] = torch.tensor([0.05, 0.95, 0.0])
        return doubt

    latent_map = LatentMap(latent_map.model, latent_map.data)
    monkeypatch.setattr(
        latent_map.decoder, "classifier", SimpleNamespace(probabilities=probabilities)
    )
    found = describe_gaussian(latent_map, latent_map.class_latents(1), 1)
    assert found["right_class"]["share"] == found["confident"]["share"] == 0.5
    assert found["right_class"]["low"] < 0.5 < found["right_class"]["high"]
    assert found["held_out"]["n"] == int((latent_map.data.validation.labels == 1).sum())
    assert describe_gaussian(latent_map, latent_map.gaussian_latents())["right_class"] is None


def test_assessment_without_a_classifier_has_no_class_shares(client):
    found = get(client, "gaussian-samples/assessment", of="class", label=2).json()
    assert (found["n"], found["confident"], found["right_class"]) == (400, None, None)
    assert (
        0
        <= found["off_data"]["low"]
        <= found["off_data"]["share"]
        <= found["off_data"]["high"]
        <= 1
    )


@pytest.mark.parametrize(
    "query",
    [{"of": "class", "label": 3}, {"of": "luck"}, {}, {"of": "all", "temperature": "nan"},
     {"of": "all", "seed": -1}, {"of": "own", "minor": 0}, {"of": "own", "x": "inf"},
     {"of": "own", "plane": "i0"}, {"of": "all", "seed": 2**32}],
)  # fmt: skip
def test_invalid_gaussians_are_refused(query, client):
    for path in ("gaussian-samples", "gaussian-samples/assessment"):
        assert get(client, path, **query).status_code == 422


def test_extremely_thin_ellipse_gives_finite_latents(client):
    answer = get(client, "gaussian-samples", of="own", major=1e6, minor=1e-300, angle=0.7)
    assert np.isfinite(np.frombuffer(answer.content, "<f4")).all()


def test_class_gaussians_need_an_encoder_and_labels(client, latent_map):
    assert get(client, "gaussian-samples", GAN, of="all").status_code == 404
    images, _ = tiny_arrays(400)
    bare = LatentMap(latent_map.model, la.load_data(images))
    assert bare.gaussians is None
    assert bare.ellipses() == []
    assert bare.gaussian_latents(3).isfinite().all()
    with raises_code("no-class-gaussian"):
        bare.class_latents(0)


# ------------------------------------------------------------------------------------------- paths


def test_path_route_returns_the_interpolations_of_the_map(client, latent_map):
    told = get(client, "interpolations", a="i3", b="0.5,-1.25", steps=8).json()
    a, b = latent_map.named_latent("i3"), latent_map.named_latent("0.5,-1.25")
    torch.testing.assert_close(a, latent_map.latents[3])
    assert float(latent_map.plane.distance(b[None])) < 1e-5
    expected = {
        "linear": lerp(a, b, 8),
        "spherical": slerp(a, b, 8),
        "data": latent_map.interpolate(a, b, 8, "data"),
    }
    assert [one["name"] for one in told["paths"]] == list(expected)
    for one in told["paths"]:
        np.testing.assert_array_equal(np.array(one["z"], np.float32), expected[one["name"]])
        np.testing.assert_array_equal(
            np.array([one["z"][0], one["z"][-1]], np.float32), np.stack([a, b])
        )
    assert told["graph_size"] == len(latent_map.latents)


def test_paths_of_a_model_without_encoder_join_points_of_the_lattice(client, registry):
    told = get(client, "interpolations", GAN, a="0,0", b="3.5,2").json()
    assert [one["name"] for one in told["paths"]] == ["linear", "spherical"]
    z = registry[GAN].latent_map.encoded.lattice(torch.tensor([[0, 0], [3.5, 2]]))
    np.testing.assert_array_equal(np.array(told["ends"], np.float32), z)
    assert get(client, "interpolations", GAN, a="i0", b="3.5,2").status_code == 422
    assert get(client, "interpolations/data.gif", GAN, a="0,0", b="3.5,2").status_code == 422


def test_failed_interpolation_has_a_message_and_the_others_remain(client, latent_map, monkeypatch):
    monkeypatch.setattr(latent_map.plane.origin, "data", torch.zeros_like(latent_map.plane.origin))
    told = get(client, "interpolations", a="1,0", b="-1,0").json()
    linear, spherical, data = told["paths"]
    assert "opposite" in spherical["error"]
    assert linear["z"]
    assert data["z"]


@pytest.mark.parametrize(
    "query",
    [{"a": "nan,0"}, {"b": "1e9,0"}, {"a": "1"}, {"a": "1,2,3"}, {"b": "i"}, {"a": "i9999999"},
     {"steps": 1}, {"steps": 65}, {"a": "0," * 60}, {"b": "i0_c1_c2"}],
)  # fmt: skip
def test_invalid_ends_of_paths_are_refused(query, client):
    for path in ("interpolations", "interpolations/linear.gif"):
        assert get(client, path, **{"a": "i0", "b": "i1", **query}).status_code == 422


def test_path_animation_runs_back_and_forth_without_smoothing(client, registry):
    latent_map = registry[GAN].latent_map
    answer = get(client, "interpolations/spherical.gif", GAN, a="0,0", b="1,2", steps=4, label=2)
    assert answer.headers["content-type"] == "image/gif"
    assert 'filename="my-run-spherical-0-0-1-2.gif"' in answer.headers["content-disposition"]
    z = slerp(*latent_map.encoded.lattice(torch.tensor([[0, 0], [1, 2]])), steps=4)
    pixels = latent_map.decode_scored(z, torch.eye(3)[[2] * 4]).pixels
    shown = GifImageFile(io.BytesIO(answer.content))
    assert shown.n_frames == 6
    for frame, step in enumerate([0, 1, 2, 3, 2, 1]):
        shown.seek(frame)
        large = np.asarray(shown.convert("L"))
        assert large.shape == (12 * 21, 10 * 21)
        small = large[::21, ::21]
        np.testing.assert_array_equal(large, small.repeat(21, 0).repeat(21, 1))
        assert np.abs(small.astype(int) - pixels[step, 0]).max() <= 1
    assert (
        get(client, "interpolations/spherical.gif", GAN, a="0,0", b="1,2", label=3).status_code
        == 422
    )


def test_path_animation_keeps_colours():
    pixels = np.zeros((2, 3, 4, 4), np.uint8)
    pixels[0, 0], pixels[1, 2] = 255, 255
    shown = GifImageFile(io.BytesIO(path_animation(pixels, side=8)))
    assert shown.size == (8, 8)
    assert shown.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    shown.seek(1)
    assert shown.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
