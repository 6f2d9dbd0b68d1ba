"""Planes, draws and ways: what Explore's tools are told, and what they are refused."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL.GifImagePlugin import GifImageFile
from starlette.testclient import TestClient

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.errors import UserError
from latentarium.latent.anchors import latent_of, plane_of
from latentarium.latent.gap_layer import coarse_to_fine
from latentarium.latent.gaussian_samples import of_all, of_class, verdict
from latentarium.latent.interpolation import film, through_data
from latentarium.latent.latent_map import Atlas
from latentarium.latent.paths import lerp, slerp
from latentarium.studio.registry import LoadedModel, ModelRegistry
from latentarium.studio.server import make_app
from support.drawing import gap_grid
from support.frames import layer

GAN = 1


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    found = []
    for name in ("ae_debug", "cgan_debug"):
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        found.append(LoadedModel(name="my run", folder="r", kind=name, atlas=Atlas(run.load(), data)))
    return ModelRegistry(found)


@pytest.fixture
def atlas(registry):
    return registry[0].atlas


@pytest.fixture
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def get(client, path, model=0, **query):
    return client.get(f"/api/models/{model}/{path}", params=query)


# ------------------------------------------------------------------------------------------ planes


def test_a_plane_goes_through_what_its_name_says(client, atlas):
    plane = plane_of(atlas, "i3_c1_i17")
    anchors = torch.stack([atlas.codes[3], atlas.gaussians.means[1].float(), atlas.codes[17]])
    assert float(plane.distance(anchors).max()) < 1e-5
    assert plane_of(atlas, "") is atlas.plane
    told = get(client, "plane", plane="i3_c1_i17").json()
    np.testing.assert_allclose(told["anchors"], anchors)
    np.testing.assert_allclose(told["axes"], plane.axes)
    assert told["off"] == pytest.approx(float(plane.distance(atlas.codes).median()))
    assert told["variance_share"] < get(client, "plane").json()["variance_share"]


def test_the_whole_map_lies_on_the_plane(client, atlas):
    plane = plane_of(atlas, "c0_c1_c2")
    content = get(client, "map", plane="c0_c1_c2").content
    n = int.from_bytes(content[:4], "little")
    points = np.frombuffer(content, "<f4", 2 * n, 4).reshape(n, 2)
    np.testing.assert_allclose(points, plane.project(atlas.shown_codes()), rtol=1e-5, atol=1e-5)
    centres = [
        (one["x"], one["y"])
        for one in get(client, "plane", plane="c0_c1_c2").json()["ellipses"][0]
    ]
    np.testing.assert_allclose(centres, plane.project(atlas.gaussians.means), atol=1e-6)


def test_gaps_on_the_plane_are_not_those_of_the_map(client, atlas):
    box = {"left": -1, "right": 1, "low": -1, "high": 1}
    one, other = (
        layer(get(client, "gaps/distance", plane=plane, **box).text) for plane in ("c0_c1_c2", "")
    )
    expected = gap_grid(
        atlas, "distance", (-1.0, 1.0, -1.0, 1.0), plane=plane_of(atlas, "c0_c1_c2")
    )
    rows, columns = coarse_to_fine(64).T
    np.testing.assert_array_equal(one, expected[rows, columns])
    assert not np.array_equal(one, other)


def test_an_image_of_the_plane_is_decoded_from_it(atlas):
    plane = plane_of(atlas, "i3_c1_i17")
    at_origin = atlas.decode_at(0.0, 0.0, plane=plane)
    shown = torch.from_numpy(atlas.decoded(atlas.codes[3:4]).pixels)
    assert torch.equal(((at_origin + 1) * 127.5).round().byte(), shown)


@pytest.mark.parametrize(
    ("name", "said"),
    [("i3_i3_i17", "one line"), ("i3_i4", "i17_c3_i40"), ("0,0_i3_i4", "i17_c3_i40"),
     ("i3_i4_i99999", "no image 99999"), ("i3_i4_c3", "no class 3"), ("x" * 101, "at most")],
)  # fmt: skip
def test_what_is_no_plane_is_a_sentence(name, said, client):
    for path in ("plane", "map", "ways"):
        answer = get(client, path, plane=name, a="i0", b="i1")
        assert answer.status_code == 422
        assert said in answer.text
    assert get(client, "plane", GAN, plane="c0_c1_c2").status_code == 404


# ------------------------------------------------------------------------------------------- draws


def test_draws_are_those_of_the_python(client, atlas):
    def told(**query):
        return np.frombuffer(get(client, "draws", **query).content, "<f4").reshape(400, -1)

    given = {"seed": 5, "temperature": 0.5}
    np.testing.assert_array_equal(told(of="class", label=1, **given), of_class(atlas, 1, 5, 0.5))
    np.testing.assert_array_equal(told(of="all", **given), of_all(atlas, 5, 0.5))
    ellipse = {"x": 2, "y": -1, "major": 0.5, "minor": 0.25, "angle": 1.0}
    plane = plane_of(atlas, "c0_c1_c2")
    own = torch.from_numpy(told(of="own", plane="c0_c1_c2", **ellipse).copy())
    assert float(plane.distance(own).max()) < 1e-5
    points = plane.project(own)
    torch.testing.assert_close(points.mean(0), torch.tensor([2, -1.0]).double(), atol=0.1, rtol=0)
    assert points.T.cov().det().sqrt() == pytest.approx(0.125, rel=0.15)


def test_a_classs_draws_are_of_that_class_and_those_of_one_gaussian_lie_in_gaps(atlas):
    """Two tight, far clusters: one Gaussian for both draws from between them, theirs do not."""
    labels = atlas.train.labels
    apart = torch.where(labels[:, None] > 0, 50.0, -50.0)
    split = Atlas(atlas.model, atlas.data)
    split.codes = 0.1 * torch.randn(len(labels), atlas.model.latent_dim) + apart
    split.held_out_codes = split.codes[:50].clone()
    split.held_out_codes += 0.01
    own, one = (verdict(split, z)["off"]["share"] for z in (of_class(split, 0), of_all(split)))
    assert own < 0.3
    assert one > 0.95


def test_the_judge_counts_the_draws_that_it_takes_for_the_class(atlas, monkeypatch):
    def probabilities(images):
        """Sure that the first half of any images are 1, and in doubt of the rest."""
        doubt = torch.tensor([0.3, 0.3, 0.4]).repeat(len(images), 1)
        doubt[: len(images) // 2] = torch.tensor([0.05, 0.95, 0.0])
        return doubt

    atlas = Atlas(atlas.model, atlas.data)
    monkeypatch.setattr(atlas, "judge", SimpleNamespace(probabilities=probabilities))
    found = verdict(atlas, of_class(atlas, 1), 1)
    assert found["judged"]["share"] == found["sure"]["share"] == 0.5
    assert found["judged"]["low"] < 0.5 < found["judged"]["high"]
    assert found["usual"]["n"] == int((atlas.data.validation.labels == 1).sum())
    assert verdict(atlas, of_all(atlas))["judged"] is None


def test_without_a_judge_there_is_no_word_of_it(client):
    found = get(client, "draws/verdict", of="class", label=2).json()
    assert (found["n"], found["sure"], found["judged"]) == (400, None, None)
    assert 0 <= found["off"]["low"] <= found["off"]["share"] <= found["off"]["high"] <= 1


@pytest.mark.parametrize(
    "query",
    [{"of": "class", "label": 3}, {"of": "luck"}, {}, {"of": "all", "temperature": "nan"},
     {"of": "all", "seed": -1}, {"of": "own", "minor": 0}, {"of": "own", "x": "inf"},
     {"of": "own", "plane": "i0"}, {"of": "all", "seed": 2**32}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_a_sentence(query, client):
    for path in ("draws", "draws/verdict"):
        assert get(client, path, **query).status_code == 422


def test_a_needle_of_an_ellipse_is_drawn_from_too(client):
    answer = get(client, "draws", of="own", major=1e6, minor=1e-300, angle=0.7)
    assert np.isfinite(np.frombuffer(answer.content, "<f4")).all()


def test_models_without_encoder_or_labels_have_no_class_gaussians(client, atlas):
    assert get(client, "draws", GAN, of="all").status_code == 404
    images, _ = tiny_arrays(400)
    bare = Atlas(atlas.model, la.load_data(images))
    assert bare.gaussians is None
    assert bare.ellipses() == []
    assert of_all(bare, n=3).isfinite().all()
    with pytest.raises(UserError, match="no Gaussian of class 0"):
        of_class(bare, 0)


# -------------------------------------------------------------------------------------------- ways


def test_ways_join_their_ends_and_are_those_of_the_python(client, atlas):
    told = get(client, "ways", a="i3", b="0.5,-1.25", steps=8).json()
    a, b = latent_of(atlas, "i3"), latent_of(atlas, "0.5,-1.25")
    torch.testing.assert_close(a, atlas.codes[3])
    assert float(atlas.plane.distance(b[None])) < 1e-5
    expected = {
        "straight": lerp(a, b, 8),
        "spherical": slerp(a, b, 8),
        "data": through_data(atlas, a, b, 8),
    }
    assert [one["name"] for one in told["ways"]] == list(expected)
    for one in told["ways"]:
        np.testing.assert_array_equal(np.array(one["z"], np.float32), expected[one["name"]])
        np.testing.assert_array_equal(
            np.array([one["z"][0], one["z"][-1]], np.float32), np.stack([a, b])
        )
    assert told["graph_codes"] == len(atlas.codes)


def test_ends_of_a_lattice_are_whole_latents_and_no_way_goes_through_data(client, registry):
    told = get(client, "ways", GAN, a="0,0", b="3.5,2").json()
    assert [one["name"] for one in told["ways"]] == ["straight", "spherical"]
    z = registry[GAN].atlas.lattice(torch.tensor([[0, 0], [3.5, 2]]))
    np.testing.assert_array_equal(np.array(told["ends"], np.float32), z)
    assert get(client, "ways", GAN, a="i0", b="3.5,2").status_code == 422
    assert get(client, "ways/data.gif", GAN, a="0,0", b="3.5,2").status_code == 422


def test_a_way_that_is_not_there_says_why_and_the_others_stay(client, atlas, monkeypatch):
    monkeypatch.setattr(atlas.plane.origin, "data", torch.zeros_like(atlas.plane.origin))
    told = get(client, "ways", a="1,0", b="-1,0").json()
    straight, spherical, data = told["ways"]
    assert "opposite" in spherical["sentence"]
    assert straight["z"]
    assert data["z"]


@pytest.mark.parametrize(
    "query",
    [{"a": "nan,0"}, {"b": "1e9,0"}, {"a": "1"}, {"a": "1,2,3"}, {"b": "i"}, {"a": "i9999999"},
     {"steps": 1}, {"steps": 65}, {"a": "0," * 60}, {"b": "i0_c1_c2"}],
)  # fmt: skip
def test_what_is_no_end_is_a_sentence(query, client):
    for path in ("ways", "ways/straight.gif"):
        assert get(client, path, **{"a": "i0", "b": "i1", **query}).status_code == 422


def test_a_film_goes_there_and_back_in_squares(client, registry):
    atlas = registry[GAN].atlas
    answer = get(client, "ways/spherical.gif", GAN, a="0,0", b="1,2", steps=4, label=2)
    assert answer.headers["content-type"] == "image/gif"
    assert 'filename="my-run-spherical-0-0-1-2.gif"' in answer.headers["content-disposition"]
    z = slerp(*atlas.lattice(torch.tensor([[0, 0], [1, 2]])), steps=4)
    pixels = atlas.decoded(z, torch.eye(3)[[2] * 4]).pixels
    shown = GifImageFile(io.BytesIO(answer.content))
    assert shown.n_frames == 6
    for frame, step in enumerate([0, 1, 2, 3, 2, 1]):
        shown.seek(frame)
        large = np.asarray(shown.convert("L"))
        assert large.shape == (12 * 21, 10 * 21)
        small = large[::21, ::21]
        np.testing.assert_array_equal(large, small.repeat(21, 0).repeat(21, 1))
        assert np.abs(small.astype(int) - pixels[step, 0]).max() <= 1
    assert get(client, "ways/spherical.gif", GAN, a="0,0", b="1,2", label=3).status_code == 422


def test_a_film_of_colours_has_its_colours():
    pixels = np.zeros((2, 3, 4, 4), np.uint8)
    pixels[0, 0], pixels[1, 2] = 255, 255
    shown = GifImageFile(io.BytesIO(film(pixels, side=8)))
    assert shown.size == (8, 8)
    assert shown.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    shown.seek(1)
    assert shown.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
