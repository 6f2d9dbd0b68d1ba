"""Tiny models for tests of the studio, with a classifier of their images."""

import numpy as np

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import Classifier
from latentarium.classifier.training import train_classifier
from latentarium.latent.gap_layer import coarse_to_fine
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from support.browser import StudioServer, pixels
from support.tiny import tiny_arrays

KINDS = {"ae_debug": "autoencoder", "vae_debug": "VAE", "cgan_debug": "conditional GAN"}


def open_models(make_folder, n: int, *names: str) -> list[LoadedModel]:
    """Train models of n tiny images for a few steps, one for each preset, and open them."""
    data = la.load_data(*tiny_arrays(n))
    models = []
    for name in names:
        run = la.train(presets.get(name), make_folder(name) / "r", data)
        latent_map = LatentMap(run.load(), data)
        models.append(
            LoadedModel(name=name, folder="r", kind=KINDS[name], latent_map=latent_map, run=run)
        )
    return models


def with_classifier(registry) -> tuple[ModelRegistry, Classifier]:
    """Open the same models with a classifier of their images."""
    classifier = train_classifier(registry[0].latent_map.data, steps=60, checks=2)
    models = []
    for old in registry:
        latent_map = LatentMap(old.latent_map.model, old.latent_map.data)
        latent_map.decoder.classifier = classifier
        models.append(
            LoadedModel(
                name=old.name, folder=old.folder, kind=old.kind, latent_map=latent_map, run=old.run
            )
        )
    classified = ModelRegistry(models)
    classified.preparation.start()
    classified.preparation.wait()
    return classified, classifier


def studio_with_classifier(served):
    """Serve the same models with a classifier; the body of a fixture."""
    studio = StudioServer(with_classifier(served.registry)[0])
    yield studio
    studio.stop()


def image_on_page(page, name):
    """Return the grey values of an image on the page, shape (12, 10)."""
    return np.array(pixels(page, name)).reshape(12, 10, 4)[:, :, 0].astype(int)


def measured(name: str, value: float, low: float, high: float, **changed) -> dict:
    """Return a measurement in the format of metrics.json."""
    defaults = {
        "name": name, "value": value, "unit": "", "interval": [low, high], "reference": 0.5,
        "n": 100, "seed": 0, "extractor": "classifier 12", "split": "test", "protocol": "p",
        "detail": "", "note": "",
    }  # fmt: skip
    return defaults | changed


def metrics_of(run, measurements: dict, fingerprint: str = "f") -> dict:
    """Return the content of metrics.json for the current weights of a run."""
    return {
        "weights": run.weights_hash(), "format": 2, "model": "m", "data": "tiny",
        "fingerprint": fingerprint, "seed": 0, "measurements": measurements, "tables": {},
        "left_out": {}, "seconds": {},
    }  # fmt: skip


def gap_grid(latent_map, definition, box, cells=64, *, plane=None) -> np.ndarray:
    """Compute a gap layer as a grid, float32 (cells, cells), with the top row first."""
    parts = [
        part.values for part in latent_map.gap_layers.parts(definition, box, cells, plane=plane)
    ]
    grid = np.empty((cells, cells), np.float32)
    grid[tuple(coarse_to_fine(cells).T)] = np.concatenate(parts)
    return grid
