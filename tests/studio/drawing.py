"""Tiny models whose images a judge knows, for tests of Generate and Compare."""

from latentarium.metrics.judge import Judge
from latentarium.metrics.judge_training import train_judge
from latentarium.studio.gallery import Exhibit, Gallery, prepare
from latentarium.studio.maps.atlas import Atlas


def judged(gallery) -> tuple[Gallery, Judge]:
    """The same models on show, their maps made anew with a judge of their images."""
    judge = train_judge(gallery[0].atlas.data, steps=60, checks=2)
    found = []
    for one in gallery:
        atlas = Atlas(one.atlas.model, one.atlas.data)
        atlas.judge = judge
        found.append(
            Exhibit(name=one.name, folder=one.folder, kind=one.kind, atlas=atlas, run=one.run)
        )
    again = Gallery(found)
    prepare(again).join()
    return again, judge


def measured(name: str, value: float, low: float, high: float, **changed) -> dict:
    """A measurement as metrics.json has it."""
    usual = {
        "name": name, "value": value, "unit": "", "interval": [low, high], "floor": 0.5, "n": 100,
        "seed": 0, "extractor": "judge 12", "split": "test", "protocol": "p", "detail": "",
        "note": "",
    }  # fmt: skip
    return usual | changed


def metrics_of(run, measurements: dict, fingerprint: str = "f") -> dict:
    """The content of metrics.json for the weights that a run has."""
    return {
        "weights": run.weights_hash(), "format": 2, "model": "m", "data": "tiny",
        "fingerprint": fingerprint, "seed": 0, "measurements": measurements, "tables": {},
        "left_out": {}, "seconds": {},
    }  # fmt: skip
