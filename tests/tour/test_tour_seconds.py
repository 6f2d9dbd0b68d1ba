"""The duration of a resumed tour includes its earlier sessions."""

from latentarium.progress import ConsoleProgress
from latentarium.run import Run
from latentarium.tour import run as tour
from latentarium.training import Reporter
from support.tiny import tiny_data

TRAINED_BEFORE = 100.0


class FinishedRun(Run):
    """A run that was trained in an earlier session."""

    def __init__(self) -> None:
        """Have no folder."""

    def training_seconds(self) -> float:
        return TRAINED_BEFORE


def test_training_of_earlier_sessions_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(tour, "train", lambda *_, **__: FinishedRun())
    runs, seconds, earlier = tour._train_systems(
        tmp_path, {}, tiny_data(), 0, True, ConsoleProgress(), lambda title: Reporter()
    )
    assert runs.keys() == seconds.keys() == set(tour.SYSTEMS)
    assert all(part == TRAINED_BEFORE for part in seconds.values())
    assert 0.99 * TRAINED_BEFORE * len(runs) < earlier <= TRAINED_BEFORE * len(runs)
