"""The way to obtain class Gaussians is chosen on validation images."""

from types import SimpleNamespace

import pytest
import torch

from latentarium.tour.claims import class_gaussian
from latentarium.tour.context import TourContext
from support.tiny import tiny_data

CLASSES = 3


class Tour(TourContext):
    """A tour whose systems differ in how well the validation latents of classes are separated.
    Decoded images are the latents. There are no runs, so no other results can be used."""

    def __init__(self, separations: dict[str, float], learned_error: float = 1.0) -> None:
        self.data, self.seed, self.n = tiny_data(), 0, 300
        self.separations, self.learned_error = separations, learned_error
        self.classifier = SimpleNamespace(predict=lambda images: images.argmax(1))  # type: ignore
        self.seeds: list[int] = []

    @property
    def requested_labels(self):
        return torch.arange(self.n) % CLASSES

    def model(self, name):  # pyright: ignore[reportIncompatibleMethodOverride]
        def sample(n, labels, seed):
            self.seeds.append(seed)
            right = torch.nn.functional.one_hot(labels, CLASSES).float()
            wrong = torch.arange(n) < self.learned_error * n
            return torch.where(wrong[:, None], right.roll(1, 1), right)

        return SimpleNamespace(name=name, sample=sample)

    def latents(self, model, split, seed):
        assert split is self.data.validation
        centres = torch.nn.functional.one_hot(split.labels, CLASSES).float()
        noise = torch.randn(centres.shape, generator=torch.Generator().manual_seed(1))
        return self.separations[model.name] * centres + noise

    def decode(self, name, z):
        return z


@pytest.mark.parametrize("best", ["ae", "vae", "vae_class"])
def test_the_system_whose_validation_latents_are_separated_is_chosen(best, monkeypatch):
    tour = Tour({"ae": 0.5, "vae": 0.5, "vae_class": 0.5, best: 9.0})
    monkeypatch.setattr(class_gaussian, "encode", tour.latents)
    title = class_gaussian.best_on_validation(tour)
    assert class_gaussian.FITTED[title] == best


def test_the_learned_prior_is_chosen_by_samples_of_another_seed(monkeypatch):
    tour = Tour({"ae": 0.5, "vae": 0.5, "vae_class": 0.5}, learned_error=0.0)
    monkeypatch.setattr(class_gaussian, "encode", tour.latents)
    assert class_gaussian.best_on_validation(tour) == class_gaussian.LEARNED
    assert tour.seed not in tour.seeds
