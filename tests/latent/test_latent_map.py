"""What the map says of a place."""

import numpy as np
import pytest
import torch

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.classifier.classifier import as_pixels
from latentarium.data.dataset import to_float, to_uint8
from latentarium.errors import UserError
from latentarium.latent import gap_layer
from latentarium.latent.latent_map import Atlas
from latentarium.models.inference import decode
from latentarium.studio.protocol import SCORE_COLUMNS, parse_request
from support.drawing import gap_grid
from support.frames import request

FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(600)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def atlases(data, tmp_path_factory):
    found = {}
    for name in FAMILIES:
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        found[name] = Atlas(run.load(), data)
    return found


def column(found, name):
    return found.trust[:, SCORE_COLUMNS.index(name)]


def ask(atlas, rows, **given):
    found = parse_request(request(rows, **given), (atlas.columns(),), (atlas.model.num_classes,))
    return atlas.answer(found)


@pytest.mark.parametrize("name", ["ae_debug", "vae_debug", "vae_class_debug"])
def test_the_map_is_that_of_the_encoded_images(name, atlases, data):
    atlas = atlases[name]
    points = atlas.points()
    assert points.shape == (len(data.train) + len(data.validation), 2)
    assert points.dtype == np.float32
    rings = atlas.ellipses()
    assert [len(ring) for ring in rings] == [3, 3]
    for one, two in zip(*rings, strict=True):
        assert two.major == pytest.approx(2 * one.major)


def test_what_is_decoded_is_what_the_model_decodes(atlases):
    atlas = atlases["ae_debug"]
    places = torch.tensor([[0.3, -0.2], [1.0, 2.0]])
    found = ask(atlas, places)
    expected = decode(atlas.model, atlas.plane.unproject(places).float())
    shown = torch.from_numpy(found.pixels).float() / 127.5 - 1
    assert float((shown - expected).abs().max()) < 0.005  # a half of a grey level
    z = torch.randn(3, atlas.model.latent_dim)
    found = ask(atlas, z, kind=0)
    shown = torch.from_numpy(found.pixels).float() / 127.5 - 1
    assert float((shown - decode(atlas.model, z)).abs().max()) < 0.005


def test_trust_falls_from_the_data_outwards_and_the_nearest_is_the_nearest(atlases):
    atlas = atlases["ae_debug"]
    codes = atlas.codes
    inside = ask(atlas, codes[:40], kind=0)
    assert np.array_equal(column(inside, "nearest"), np.arange(40))  # each is its own nearest
    away = codes[:40] + 30 * torch.ones(codes.shape[1])
    outside = ask(atlas, away, kind=0)
    assert column(inside, "distance_rarity").mean() < 0.7
    assert column(inside, "level").mean() > 0.3
    assert np.all(column(outside, "distance_rarity") == 1)
    assert np.all(column(outside, "level") == 0)
    assert np.all(column(outside, "distance") > column(inside, "distance"))
    distance = torch.cdist(away.double(), codes.double()).sort(1)
    np.testing.assert_allclose(column(outside, "distance"), distance.values[:, 4], rtol=1e-5)
    assert np.array_equal(column(outside, "nearest"), distance.indices[:, 0])


def test_held_out_images_are_as_rare_as_held_out_images(atlases, data):
    from latentarium.models.inference import encode

    atlas = atlases["vae_debug"]
    found = ask(atlas, encode(atlas.model, data.validation, 0), kind=0)
    assert column(found, "distance_rarity").mean() == pytest.approx(0.5, abs=0.05)
    assert column(found, "level").mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["gan_debug", "cgan_debug"])
def test_without_an_encoder_there_is_a_lattice_of_draws(name, atlases):
    atlas = atlases[name]
    labels = [[0, 1, 0]] * 2 if name == "cgan_debug" else None
    found = ask(atlas, [[0, 0], [0.5, 0.5]], labels=labels)
    for measure in ("distance", "round_trip", "doubt_rarity", "error_rarity"):
        assert np.isnan(column(found, measure)).all()
    assert np.isfinite(column(found, "level")).all()
    # at every place of the lattice, between its crossings too, z is a draw from the prior
    places = torch.rand(4000, 2, dtype=torch.float64) * 400
    z = atlas.lattice(places)
    assert float(z.var()) == pytest.approx(1, abs=0.03)
    assert float(z.mean()) == pytest.approx(0, abs=0.03)
    corner = atlas.lattice(torch.tensor([[3.0, -2.0]], dtype=torch.float64))
    near = atlas.lattice(torch.tensor([[3.0 + 1e-4, -2.0]], dtype=torch.float64))
    assert float((corner - near).abs().max()) < 0.01  # no jump


def test_a_class_is_asked_for_where_it_must_be_and_nowhere_else(atlases):
    with pytest.raises(UserError, match="say which class"):
        ask(atlases["cgan_debug"], [[0, 0]])
    with pytest.raises(UserError, match="can't be asked"):
        ask(atlases["vae_class_debug"], [[0, 0]], labels=[[1, 0, 0]])
    one = ask(atlases["cgan_debug"], [[0, 0]], labels=[[1, 0, 0]]).pixels
    same = ask(atlases["cgan_debug"], [[0, 0]], labels=[[5, 0, 0]]).pixels
    other = ask(atlases["cgan_debug"], [[0, 0]], labels=[[0, 1, 0]]).pixels
    assert np.array_equal(one, same)  # weights are shares
    assert not np.array_equal(one, other)


def test_the_line_that_is_copied_gives_the_image_that_is_shown(atlases):
    for name, label in (("ae_debug", None), ("cgan_debug", "1")):
        atlas = atlases[name]
        labels = None if label is None else [[0, 1, 0]]
        shown = ask(atlas, [[0.25, -0.5]], labels=labels).pixels
        copied = to_uint8(atlas.decode_at(0.25, -0.5, label)).numpy()
        assert np.array_equal(shown, copied)
    with pytest.raises(UserError):
        atlases["cgan_debug"].decode_at(0.0, 0.0, "nine")


@pytest.mark.parametrize("definition", ["trust", "distance", "round_trip", "stretch"])
def test_a_gap_layer_is_the_measure_at_each_place(definition, atlases):
    atlas = atlases["ae_debug"]
    grid = gap_grid(atlas, definition, (-2.0, 2.0, -1.0, 3.0), 8)
    assert grid.shape == (8, 8)
    assert 0 <= grid.min() <= grid.max() <= 1
    # the cell of the third row from above and the sixth column
    place = [[-2 + 4 * 5.5 / 8, 3 - 4 * 2.5 / 8]]
    found = ask(atlas, place)
    if definition == "trust":
        assert grid[2, 5] == pytest.approx(1 - column(found, "level")[0], abs=1e-6)
    elif definition != "stretch":
        assert grid[2, 5] == pytest.approx(column(found, f"{definition}_rarity")[0], abs=1e-6)
    far = gap_grid(atlas, definition, (500.0, 501.0, 500.0, 501.0), 2)
    if definition != "stretch":
        assert np.all(far == 1)


def test_a_gap_layer_that_means_nothing_is_a_sentence(atlases):
    atlas = atlases["ae_debug"]
    assert "doubt" not in gap_layer.gaps_of(atlas)  # no judge knows these images
    for definition, box in (
        ("doubt", (0.0, 1.0, 0.0, 1.0)),
        ("distance", (1.0, 0.0, 0.0, 1.0)),
        ("distance", (0.0, float("nan"), 0.0, 1.0)),
    ):
        with pytest.raises(UserError):
            gap_grid(atlas, definition, box)
    with pytest.raises(UserError, match="no encoder"):
        gap_grid(atlases["gan_debug"], "distance", (0.0, 1.0, 0.0, 1.0))
    for i in range(40):
        gap_grid(atlas, "distance", (0.0, 1.0 + i, 0.0, 1.0), 2)
    assert len(gap_layer._kept[atlas]) <= 16


class Torn:
    """In the more doubt, the darker an image is."""

    def probabilities(self, images):
        sure = 0.5 + as_pixels(images).flatten(1).double().mean(1) / 512
        return torch.stack([sure, 1 - sure], 1)


def test_a_judge_says_how_much_it_doubts_beside_decoded_held_out_images(atlases, monkeypatch):
    atlas = atlases["ae_debug"]
    assert np.isnan(column(ask(atlas, [[0, 0]]), "doubt_rarity")).all()  # none knows these images
    judged = Atlas(atlas.model, atlas.data)
    monkeypatch.setitem(judged.__dict__, "judge", Torn())
    assert not judged.is_ready
    judged.prepare()
    assert judged.is_ready
    usual = to_uint8(decode(atlas.model, judged.held_out_codes)).double().flatten(1).mean(1)
    found = ask(judged, judged.points()[:64])
    light = torch.from_numpy(found.pixels).double().flatten(1).mean(1)
    lighter = (usual[None] > light[:, None]).double().mean(1)
    assert column(found, "doubt_rarity") == pytest.approx(lighter.numpy(), abs=1e-6)
    assert np.ptp(column(found, "doubt_rarity")) > 0.3


def test_fidelity_is_the_share_of_what_varies_that_reconstructions_keep(
    atlases, data, monkeypatch
):
    atlas = Atlas(atlases["ae_debug"].model, data)
    found = atlas.fidelity
    assert found is not None
    assert found < 1
    real = to_float(data.validation.images)
    where = "latentarium.latent.fidelity"
    for rebuilt, kept in ((real, 1.0), (real.mean(0).expand_as(real), 0.0), (-real * 9, None)):
        fresh = Atlas(atlas.model, data)
        monkeypatch.setattr(f"{where}.reconstruct", lambda *_, x=rebuilt: x)
        monkeypatch.setattr(f"{where}.scattered", lambda split, _: split)
        if kept is None:
            assert fresh.fidelity is not None
            assert fresh.fidelity < 0  # worse than one image for all
        else:
            assert fresh.fidelity == pytest.approx(kept, abs=1e-5)
    assert atlases["gan_debug"].fidelity is None
