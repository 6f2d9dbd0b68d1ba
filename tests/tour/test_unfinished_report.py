"""The page of a running tour shows trainings, samples and the claims measured so far."""

from dataclasses import replace

import pytest

from latentarium import presets
from latentarium.tour.report import render
from latentarium.tour.results import TourReport
from latentarium.tour.unfinished import INTERVAL, UnfinishedReport, progress_of
from latentarium.training import Training, train
from support.tiny import tiny_data
from support.tour_reports import example_claim, example_report, parse


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def training_of(folder, title="ae", preset="ae_debug") -> Training:
    return Training(title=title, config=presets.get(preset), folder=folder)


def make(tmp_path, *trainings, clock=None):
    def report(results):
        return replace(example_report(*results), systems=())

    return UnfinishedReport(tmp_path / "report.html", trainings, report, 3, clock=clock or Clock())


def test_the_page_shows_how_far_each_training_is_and_its_samples(tmp_path):
    trained, waiting = training_of(tmp_path / "ae"), training_of(tmp_path / "gan", "gan")
    train(trained.config, trained.folder, tiny_data())
    assert progress_of(trained).step == trained.config.train.steps
    assert progress_of(trained).samples is not None
    assert (progress_of(waiting).step, progress_of(waiting).samples) == (0, None)
    make(tmp_path, trained, waiting).update()
    page = (tmp_path / "report.html").read_text()
    parse(page)
    assert 'http-equiv="refresh"' in page
    assert page.count("<progress") == 2
    assert "data:image/png;base64" in page
    assert "3 claims are not measured yet" in page


def test_claims_are_shown_as_they_come(tmp_path):
    page = make(tmp_path, training_of(tmp_path / "ae"))
    page.update([example_claim(title="A measured claim")], now=True)
    content = (tmp_path / "report.html").read_text()
    assert "A measured claim" in content
    assert "2 claims are not measured yet" in content


def test_the_page_is_written_at_intervals(tmp_path):
    clock = Clock()
    page = make(tmp_path, training_of(tmp_path / "ae"), clock=clock)
    page.update()
    (tmp_path / "report.html").unlink()
    clock.now = 0.9 * INTERVAL
    page.update()
    assert not (tmp_path / "report.html").exists()
    page.update(now=True)
    (tmp_path / "report.html").unlink()
    clock.now += 1.1 * INTERVAL
    page.update()
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("damage", ["progress.json", "config.json", "log.jsonl"])
def test_a_damaged_file_of_a_run_does_not_stop_the_tour(damage, tmp_path):
    training = training_of(tmp_path / "ae")
    train(training.config, training.folder, tiny_data())
    (training.folder / damage).write_bytes(b"{")
    page = make(tmp_path, training)
    page.update()
    (training.folder / damage).unlink()  # of a run without this file, the page is written
    page.update(now=True)
    parse((tmp_path / "report.html").read_text())


def test_a_page_that_cannot_be_written_does_not_stop_the_tour(tmp_path):
    (tmp_path / "report.html").mkdir()
    make(tmp_path, training_of(tmp_path / "ae")).update()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]  # and no temporary file


def test_a_finished_report_does_not_refresh_itself():
    report: TourReport = example_report(example_claim())
    assert 'http-equiv="refresh"' not in render(report)
    assert "<progress" not in render(report)
