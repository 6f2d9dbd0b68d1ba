"""Tiny models on show, and a judge who knows their images."""

import numpy as np

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.classifier.classifier import Judge
from latentarium.classifier.training import train_judge
from latentarium.latent.gap_layer import coarse_to_fine, gap_parts
from latentarium.latent.latent_map import Atlas
from latentarium.studio.registry import LoadedModel, ModelRegistry, prepare
from pages import Served, pixels

KINDS = {"ae_debug": "autoencoder", "vae_debug": "VAE", "cgan_debug": "conditional GAN"}


def on_show(make_folder, n: int, *names: str) -> list[LoadedModel]:
    """Models of so many tiny images, trained for an instant."""
    data = la.load_data(*tiny_arrays(n))
    found = []
    for name in names:
        run = la.train(presets.get(name), make_folder(name) / "r", data)
        atlas = Atlas(run.load(), data)
        found.append(LoadedModel(name=name, folder="r", kind=KINDS[name], atlas=atlas, run=run))
    return found


def judged(registry) -> tuple[ModelRegistry, Judge]:
    """The same models on show, their maps made anew with a judge of their images."""
    judge = train_judge(registry[0].atlas.data, steps=60, checks=2)
    found = []
    for one in registry:
        atlas = Atlas(one.atlas.model, one.atlas.data)
        atlas.judge = judge
        found.append(
            LoadedModel(name=one.name, folder=one.folder, kind=one.kind, atlas=atlas, run=one.run)
        )
    again = ModelRegistry(found)
    prepare(again).join()
    return again, judge


def judged_studio(served):
    """A fixture: the same models on a page, with a judge."""
    studio = Served(judged(served.registry)[0])
    yield studio
    studio.stop()


def shown(page, name):
    """An image on the page, (12, 10)."""
    return np.array(pixels(page, name)).reshape(12, 10, 4)[:, :, 0].astype(int)


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


def gap_grid(atlas, definition, box, cells=64, *, plane=None) -> np.ndarray:
    """A layer as a grid, float32 (cells, cells), the topmost row first."""
    parts = [part.values for part in gap_parts(atlas, definition, box, cells, plane=plane)]
    grid = np.empty((cells, cells), np.float32)
    grid[tuple(coarse_to_fine(cells).T)] = np.concatenate(parts)
    return grid
