"""How far to trust an image: hand-made cases of the one judgement that all parts share."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.latent import realism as likeness
from latentarium.latent.calibration import EDGE, MEASURES, OFF, Looks, Usual, off
from latentarium.latent.latent_map import Atlas
from latentarium.latent.realism import Likeness, likeness_of
from latentarium.studio.protocol import SCORE_COLUMNS

PAGE = Path(__file__).parents[2] / "studio" / "src" / "lib"
AE, GAN = "ae_debug", "gan_debug"


def looks(**values):
    values = {name: torch.as_tensor(one).double() for name, one in values.items()}
    n = len(next(iter(values.values())))
    return Looks(values=values, nearest=torch.arange(n), probabilities=None)


@pytest.fixture
def ten():
    """Ten held-out images; by one measure they are ranked one way, by the other the other way."""
    return Usual(looks(distance=range(10), doubt=range(9, -1, -1)))


def test_one_measure_alone_is_the_share_that_lies_as_far_out():
    usual = Usual(looks(distance=range(100)))
    rarities = usual.rarities({"distance": torch.tensor([-1.0, 0, 49.5, 98, 99, 100]).double()})
    assert rarities["distance"].tolist() == [0, 0, 0.5, 0.98, 0.99, 1]
    levels = usual.level(rarities)
    torch.testing.assert_close(levels, torch.tensor([1, 1, 0.5, 0.02, 0.01, 0]).double())


def test_the_worst_of_several_measures_is_held_against_the_worst_of_each_held_out_image(ten):
    # worst rarities: 0.9 0.8 0.7 0.6 0.5 0.5 0.6 0.7 0.8 0.9
    rarities = {"distance": torch.tensor([0.9, 0.0, 1.0]), "doubt": torch.tensor([0.0, 0.65, 0])}
    levels = ten.level({name: one.double() for name, one in rarities.items()})
    torch.testing.assert_close(levels, torch.tensor([0.2, 0.6, 0.0]).double())


def test_more_measures_alarm_no_more_often():
    """Of held-out images 1 % are off the data, whether one measure is known or five."""
    noise = torch.Generator().manual_seed(0)
    values = {name: torch.randn(2000, generator=noise) for name in MEASURES}
    for count in (1, 2, 5):
        some = dict(list(values.items())[:count])
        fresh = {name: torch.randn(4000, generator=noise).double() for name in some}
        usual = Usual(looks(**some))
        found = off(usual.level(usual.rarities(fresh)))
        assert found["share"] == pytest.approx(OFF, abs=0.007)  # three deviations of the line
        assert off(usual.levels)["share"] == pytest.approx(OFF, abs=0.003)
        assert float((usual.levels < EDGE).double().mean()) == pytest.approx(EDGE, abs=0.01)


def test_numbers_that_are_none_are_off_the_data(ten):
    trust = ten.trust(looks(distance=[float("nan")], doubt=[0.0]))
    assert trust[0, SCORE_COLUMNS.index("level")] == 0


def test_columns_say_what_is_known_and_what_is_not(ten):
    trust = ten.trust(looks(distance=[4.5, 0.0], doubt=[0.0, 99.0]))
    row = dict(zip(SCORE_COLUMNS, trust[0].tolist(), strict=True))
    assert row["distance"] == 4.5
    assert (row["distance_rarity"], row["doubt_rarity"]) == (0.5, 0)
    assert row["level"] == pytest.approx(1)
    unknown = ("round_trip", "round_trip_rarity", "strange_rarity", "error_rarity")
    assert all(np.isnan(row[name]) for name in unknown)
    assert trust[1, SCORE_COLUMNS.index("level")] == 0
    assert trust[1, SCORE_COLUMNS.index("nearest")] == 1


def test_the_page_draws_the_same_lines_and_reads_the_same_columns():
    script = (PAGE / "trust.ts").read_text()
    said = {name: float(value) for name, value in re.findall(r"const (\w+) = ([\d.]+);", script)}
    assert (said["EDGE"], said["OFF"]) == (EDGE, OFF)
    names = re.search(r"MEASURES = \[(.*?)\]", script)
    assert names
    measures = re.findall(r'"(\w+)"', names[1])
    assert tuple(measures) == MEASURES
    assert SCORE_COLUMNS[4:] == tuple(f"{name}_rarity" for name in measures)
    assert SCORE_COLUMNS[:4] == ("level", "nearest", "distance", "round_trip")


# ----------------------------------------------------------------------------------- of models


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(400)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def atlases(data, tmp_path_factory):
    return {
        name: Atlas(
            la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data).load(), data
        )
        for name in (AE, GAN)
    }


def levels(answer):
    return answer.trust[:, SCORE_COLUMNS.index("level")]


def test_reconstructions_are_judged_by_what_was_lost_too(atlases, data):
    atlas = atlases[AE]
    held_out = atlas.reconstructed(data.validation.images)
    assert float((levels(held_out) < EDGE).mean()) == pytest.approx(EDGE, abs=0.04)
    noise = torch.randint(0, 2, (1, 1, 12, 10), generator=torch.Generator().manual_seed(0))
    lost = atlas.reconstructed((255 * noise).to(torch.uint8))
    assert lost.trust[0, SCORE_COLUMNS.index("error_rarity")] == 1
    assert levels(lost)[0] == 0
    z = atlas.means(2 * noise.float() - 1)
    assert np.isnan(atlas.decoded(z).trust[0, SCORE_COLUMNS.index("error_rarity")])


def test_images_of_no_encoder_are_judged_by_how_like_real_ones_they_are(atlases, data):
    atlas = atlases[GAN]
    find = likeness_of(data, None)
    assert atlas._likeness is find  # made once for all models of these images
    real = data.validation.images
    distance, nearest = find(real)
    features = find.extractor.features(data.train.images).double()
    own = find.extractor.features(real[:20]).double()
    sorted_ = torch.cdist(own, features).sort(1)
    torch.testing.assert_close(distance[:20], sorted_.values[:, 4])
    assert torch.equal(nearest[:20], sorted_.indices[:, 0])
    usual = atlas.usual.level(atlas.usual.rarities({"strange": distance}))
    assert float((usual < EDGE).double().mean()) == pytest.approx(EDGE, abs=0.03)
    noise = torch.randint(0, 256, (5, 1, 12, 10), generator=torch.Generator().manual_seed(0))
    strange = atlas.usual.rarities({"strange": find(noise.to(torch.uint8))[0]})
    assert float(atlas.usual.level(strange).max()) == 0


def test_a_few_of_many_real_images_are_enough_and_keep_their_numbers(data, monkeypatch):
    monkeypatch.setattr(likeness, "REAL", 50)
    find = Likeness(data, None)
    _, nearest = find(data.train.images)
    assert len(nearest.unique()) <= 50
    itself = nearest == torch.arange(len(nearest))
    assert int(itself.sum()) == 50
