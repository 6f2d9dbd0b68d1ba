"""Scores and their calibration on held-out images."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.latent.calibration import (
    EDGE_LEVEL,
    MEASURES,
    OFF_LEVEL,
    SCORE_COLUMNS,
    Calibration,
    Scores,
    share_off_data,
)
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.realism import RealismScorer, realism_scorer
from support.latent_scores import score_latents_only
from support.tiny import tiny_arrays

PAGE = Path(__file__).parents[2] / "studio" / "src" / "lib"
AE, GAN = "ae_debug", "gan_debug"


def make_scores(**values):
    values = {name: torch.as_tensor(value).double() for name, value in values.items()}
    n = len(next(iter(values.values())))
    return Scores(values=values, nearest=torch.arange(n), probabilities=None)


@pytest.fixture
def ten():
    """Calibrate on ten held-out images that two measures rank in opposite orders."""
    return Calibration(make_scores(distance=range(10), doubt=range(9, -1, -1)))


def test_level_of_one_measure_is_the_share_of_images_at_least_as_unusual():
    calibration = Calibration(make_scores(distance=range(100)))
    values = {"distance": torch.tensor([-1.0, 0, 49.5, 98, 99, 100]).double()}
    assert calibration.rarities(values)["distance"].tolist() == [0, 0, 0.5, 0.98, 0.99, 1]
    levels = calibration.level(values)
    torch.testing.assert_close(levels, torch.tensor([1, 1, 0.5, 0.02, 0.01, 0]).double())


def test_largest_rarity_is_compared_with_those_of_held_out_images(ten):
    # largest rarities: 0.9 0.8 0.7 0.6 0.5 0.5 0.6 0.7 0.8 0.9
    values = {"distance": torch.tensor([9.0, 0.0, 10.0]), "doubt": torch.tensor([0.0, 6.5, 0])}
    levels = ten.level({name: one.double() for name, one in values.items()})
    torch.testing.assert_close(levels, torch.tensor([0.2, 0.6, 0.0]).double())


def test_share_off_data_does_not_depend_on_the_number_of_measures():
    """1 % of held-out images are off the data, with one measure or five."""
    noise = torch.Generator().manual_seed(0)
    values = {name: torch.randn(2000, generator=noise) for name in MEASURES}
    for count in (1, 2, 5):
        some = dict(list(values.items())[:count])
        fresh = {name: torch.randn(4000, generator=noise).double() for name in some}
        calibration = Calibration(make_scores(**some))
        off = share_off_data(calibration.level(fresh))
        assert off.share == pytest.approx(OFF_LEVEL, abs=0.007)  # three standard errors
        assert share_off_data(calibration.levels).share == pytest.approx(OFF_LEVEL, abs=0.003)
        edge = float((calibration.levels < EDGE_LEVEL).double().mean())
        assert edge == pytest.approx(EDGE_LEVEL, abs=0.01)


def test_nan_is_off_the_data(ten):
    table = ten.table(make_scores(distance=[float("nan")], doubt=[0.0]))
    assert table[0, SCORE_COLUMNS.index("level")] == 0


def test_table_has_nan_where_a_measure_is_unknown(ten):
    table = ten.table(make_scores(distance=[4.5, 0.0], doubt=[0.0, 99.0]))
    row = dict(zip(SCORE_COLUMNS, table[0].tolist(), strict=True))
    assert row["distance"] == 4.5
    assert (row["distance_rarity"], row["doubt_rarity"]) == (0.5, 0)
    assert row["level"] == pytest.approx(1)
    unknown = ("round_trip", "round_trip_rarity", "strange_rarity", "error_rarity")
    assert all(np.isnan(row[name]) for name in unknown)
    assert table[1, SCORE_COLUMNS.index("level")] == 0
    assert table[1, SCORE_COLUMNS.index("nearest")] == 1


def test_page_has_the_same_levels_and_columns():
    script = (PAGE / "scores.ts").read_text()
    constants = dict(re.findall(r"export const (\w+) = ([\d.]+);", script))
    assert float(constants["BORDERLINE"]) == EDGE_LEVEL
    assert float(constants["UNUSUAL"]) == OFF_LEVEL
    names = re.search(r"MEASURES = \[(.*?)\]", script)
    assert names
    measures = re.findall(r'"(\w+)"', names[1])
    assert tuple(measures) == MEASURES
    assert SCORE_COLUMNS[4:] == (*(f"{name}_rarity" for name in measures), "read", "original")
    assert SCORE_COLUMNS[:4] == ("level", "nearest", "distance", "round_trip")


# -------------------------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(400)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def latent_maps(data, tmp_path_factory):
    return {
        name: LatentMap(
            la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data).load(), data
        )
        for name in (AE, GAN)
    }


def levels(answer):
    return answer.scores[:, SCORE_COLUMNS.index("level")]


def test_reconstructions_are_scored_by_their_error_too(latent_maps, data, monkeypatch):
    latent_map = score_latents_only(latent_maps[AE], monkeypatch)
    held_out = latent_map.decoder.reconstruct_scored(data.validation.images)
    for level in (0.2, 0.3, 0.5):  # of 40 images, several have the smallest level
        assert float((levels(held_out) < level).mean()) == pytest.approx(level, abs=0.1)
    noise = torch.randint(0, 2, (1, 1, 12, 10), generator=torch.Generator().manual_seed(0))
    lost = latent_map.decoder.reconstruct_scored((255 * noise).to(torch.uint8))
    assert lost.scores[0, SCORE_COLUMNS.index("error_rarity")] == 1
    assert levels(lost)[0] == 0
    z = latent_map.encode(2 * noise.float() - 1)
    assert np.isnan(latent_map.decode_scored(z).scores[0, SCORE_COLUMNS.index("error_rarity")])


def test_images_without_an_encoder_are_scored_by_their_distance_to_real_ones(latent_maps, data):
    latent_map = latent_maps[GAN]
    scorer = realism_scorer(data, None)
    assert latent_map.decoder.realism is scorer  # shared by all models of these images
    real = data.validation.images
    distance, nearest = scorer.distance(real)
    features = scorer.extractor.features(data.train.images).double()
    own = scorer.extractor.features(real[:20]).double()
    sorted_ = torch.cdist(own, features).sort(1)
    torch.testing.assert_close(distance[:20], sorted_.values[:, 4])
    assert torch.equal(nearest[:20], sorted_.indices[:, 0])
    levels = latent_map.calibration.level(scorer.score(real).values)
    assert float((levels < EDGE_LEVEL).double().mean()) == pytest.approx(EDGE_LEVEL, abs=0.03)
    noise = torch.randint(0, 256, (5, 1, 12, 10), generator=torch.Generator().manual_seed(0))
    strange = scorer.score(noise.to(torch.uint8)).values
    assert float(latent_map.calibration.rarities(strange)["strange"].min()) == 1
    assert float(latent_map.calibration.level(strange).max()) == 0


def test_subset_of_real_images_keeps_their_numbers(data):
    scorer = RealismScorer(data, None, max_real=50)
    _, nearest = scorer.distance(data.train.images)
    assert len(nearest.unique()) <= 50
    itself = nearest == torch.arange(len(nearest))
    assert int(itself.sum()) == 50
