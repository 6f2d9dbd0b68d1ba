"""Scores of latents alone: models trained for a few steps draw no realistic images."""

import torch

from latentarium.data.subsets import first
from latentarium.latent import scored_decoder
from latentarium.latent.calibration import MAX_HELD_OUT, Scores
from latentarium.latent.latent_map import LatentMap


class _NoImageScores:
    """A scorer of images that has no measures."""

    can_tell = True

    def __init__(self, data):
        self.held_out = first(data.validation, MAX_HELD_OUT)
        self.held_out_scores = self.softened_scores = self.score(self.held_out.images)

    def score(self, images):
        return Scores(
            values={}, nearest=torch.zeros(len(images), dtype=torch.int64), probabilities=None
        )


def rate_latents_only(latent_map: LatentMap, monkeypatch) -> None:
    """Let a map score images by their latents only, until the end of the test."""
    decoder = vars(latent_map.decoder)
    monkeypatch.setattr(scored_decoder, "MIN_BLOB_SIDE", 0)
    monkeypatch.setitem(decoder, "realism", _NoImageScores(latent_map.data))
    monkeypatch.setitem(decoder, "calibration", None)  # restored after the test
    del decoder["calibration"]


def score_latents_only(latent_map: LatentMap, monkeypatch) -> LatentMap:
    """Return a new map of the same model that scores images by their latents only."""
    changed = LatentMap(latent_map.model, latent_map.data)
    rate_latents_only(changed, monkeypatch)
    return changed
