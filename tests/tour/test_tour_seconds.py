"""The duration of a resumed tour includes its earlier sessions."""

import pytest

from latentarium.run import Run
from latentarium.tour import run as tour
from latentarium.training import Reporter, together, train_together

TRAINED_BEFORE = 100.0


class FinishedRun(Run):
    """A run that was trained in an earlier session."""

    def __init__(self) -> None:
        """Have no folder."""

    def training_seconds(self) -> float:
        return TRAINED_BEFORE


def test_training_of_earlier_sessions_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(together, "train", lambda *_, **__: None)
    monkeypatch.setattr(together, "Run", lambda folder: FinishedRun())
    trainings = tour._trainings(tmp_path, {}, 0, True)
    results = train_together(list(trainings.values()), reporter=lambda title: Reporter())
    trained = dict(zip(trainings, results, strict=True))
    assert trained.keys() == set(tour.SYSTEMS)
    for result in trained.values():
        assert result.seconds + result.earlier_seconds == pytest.approx(TRAINED_BEFORE)
        assert 0.99 * TRAINED_BEFORE < result.earlier_seconds <= TRAINED_BEFORE
