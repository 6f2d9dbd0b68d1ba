"""The judge: a small classifier of real images that says what a generated image shows.

Its logits judge labels (GAN-test: adherence), its penultimate features carry Fréchet distances. It
ships trained on MNIST, with its accuracy and hash. `python -m latentarium.classifier --data
SOURCE --out DIR` trains one for any labelled images.
"""

import hashlib
import json
import math
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from latentarium.data.dataset import Split, to_float, to_uint8
from latentarium.errors import UserError
from latentarium.files import write_atomic
from latentarium.shapes import Features, Images, Labels, PerClass, Pixels

WEIGHTS, RECORD = "classifier.safetensors", "classifier.json"
COARSEST = 4
WIDEST = 64
SURE = 0.9
"""The probability of a class above which the judge counts as sure of it."""


@final
class Judge(nn.Module):
    """A convolutional classifier: 3x3 convolutions, each followed by a halving of the image
    until its larger side is at most 4, then a dense layer whose outputs are the features.

    Arguments:
        image_shape: Channels, height, width.
        classes: Names of the classes in label order, at least two.
        source: Name of the data it was trained on.
        width: Channels of the finest stage; each coarser one has twice as many, at most 64.
        num_features: Size of the features.
        record: What is known of its training: accuracy, seed, versions.

    Raises:
        UserError: Fewer than two classes.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
        *,
        source: str = "untrained",
        width: int = 16,
        num_features: int = 96,
        record: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if len(classes) < 2:
            raise UserError(
                f"A judge needs labelled images of at least 2 classes, and {source} has "
                f"{len(classes)}: give data with labels."
            )
        self.image_shape, self.classes, self.source = image_shape, classes, source
        self.width, self.num_features = width, num_features
        self.record = record or {}
        channels, height, width_px = image_shape
        layers: list[nn.Module] = []
        while max(height, width_px) > COARSEST or not layers:
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
            channels, width = width, max(width, min(2 * width, WIDEST))
            height, width_px = math.ceil(height / 2), math.ceil(width_px / 2)
        flat = channels * height * width_px
        dense = [nn.Linear(flat, num_features, bias=False), nn.BatchNorm1d(num_features)]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), *dense, nn.ReLU())
        self.head = nn.Linear(num_features, len(classes))
        # measured: otherwise training takes half as long again on a CPU
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  stubs

    @property
    def name(self) -> str:
        """How protocols call this judge and extractor."""
        return f"judge-{self.source}"

    @property
    def hash(self) -> str:
        """sha256 over the weights, the classes and the image shape."""
        digest = hashlib.sha256(repr((self.image_shape, self.classes)).encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)} ".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def accuracy(self) -> float:
        """Share of the real test images that it judges rightly.

        Raises:
            UserError: It has not been scored yet.
        """
        if "accuracy" not in self.record:
            raise UserError(f"{self.name} has no score yet: train it with train_judge.")
        return float(self.record["accuracy"])

    def forward(self, x: Images) -> PerClass:
        """Logits with gradient, for training; to judge, use `logits`."""
        return self.head(self.trunk(x.contiguous(memory_format=torch.channels_last)))

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """The penultimate activations.

        Arguments:
            images: As models see them, in [-1, 1], or as uint8; on any device.
            batch_size: Images at once: memory, not meaning.

        Raises:
            UserError: Images of another shape than it was trained on.
        """
        return self._in_batches(images, batch_size)

    def logits(self, images: Images | Pixels, *, batch_size: int = 500) -> PerClass:
        """One unnormalized log-probability per class; arguments as for `features`."""
        features = self._in_batches(images, batch_size)
        with torch.no_grad():
            return self.head(features.to(self.head.weight.device)).cpu()

    def probabilities(self, images: Images | Pixels, *, batch_size: int = 500) -> PerClass:
        """One probability per class; arguments as for `features`."""
        return self.logits(images, batch_size=batch_size).softmax(1)

    def predict(self, images: Images | Pixels, *, batch_size: int = 500) -> Labels:
        """The most probable class; arguments as for `features`."""
        return self.logits(images, batch_size=batch_size).argmax(1)

    def correct(self, split: Split) -> int:
        """How many images of a labelled split it judges rightly."""
        if split.labels is None:
            raise UserError("Right and wrong need labels: give a split that has them.")
        return int((self.predict(split.images) == split.labels).sum())

    def _in_batches(self, images: Tensor, batch_size: int) -> Tensor:
        if tuple(images.shape[1:]) != self.image_shape:
            raise UserError(
                f"{self.name} judges images of shape {self.image_shape}, not "
                f"{tuple(images.shape[1:])}: train a judge on this data."
            )
        device, was_training = self.head.weight.device, self.training
        self.eval()
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(batch_size):
                x = as_stored(part.to(device)).contiguous(memory_format=torch.channels_last)
                parts.append(self.trunk(x).cpu())
        self.train(was_training)
        return torch.cat(parts)


def as_pixels(images: Tensor) -> Tensor:
    """The uint8 that images are stored as.

    Raises:
        UserError: Values that are not finite, which no pixel can hold.
    """
    if images.dtype == torch.uint8:
        return images
    if not bool(images.isfinite().all()):
        raise UserError("Some pixels are not finite: look at the model that made the images.")
    return to_uint8(images)


def as_stored(images: Tensor) -> Tensor:
    """What models see of images once they are stored, in [-1, 1]: floats are rounded to pixels,
    so that a sample scores the same before it is saved and after. Errors as for `as_pixels`."""
    return to_float(as_pixels(images))


def save_judge(judge: Judge, folder: Path | str) -> None:
    """Writes classifier.safetensors and classifier.json into a folder, each whole or not at all.

    Raises:
        UserError: The folder can't be written.
    """
    folder = Path(folder)
    state = {key: value.cpu().contiguous() for key, value in judge.state_dict().items()}
    record = {
        "name": judge.name,
        "hash": judge.hash,
        "config": {
            "source": judge.source,
            "image_shape": judge.image_shape,
            "classes": judge.classes,
            "width": judge.width,
            "num_features": judge.num_features,
        },
        **judge.record,
    }
    write_atomic(folder / WEIGHTS, save_tensors(state))
    write_atomic(folder / RECORD, (json.dumps(record, indent=2) + "\n").encode())


def load_judge(folder: Path | str | None = None) -> Judge:
    """Reads a judge, ready to use on the CPU, and proves by its hash that it is the one recorded.

    Arguments:
        folder: Where `save_judge` wrote it; None: the MNIST judge that ships.

    Raises:
        UserError: Files are missing, damaged, or don't belong together.
    """
    if folder is None:
        with as_file(files("latentarium.classifier") / "mnist") as shipped:
            return load_judge(shipped)
    folder = Path(folder)
    again = "train it again with python -m latentarium.classifier"
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        state = load_tensors((folder / WEIGHTS).read_bytes())
        config, recorded = record.pop("config"), record.pop("hash")
        shape, classes = tuple(config.pop("image_shape")), tuple(config.pop("classes"))
        record.pop("name", None)
        judge = Judge(shape, classes, **config, record=record)
        judge.load_state_dict(state)
    except OSError as error:
        raise UserError(f"There is no judge at {folder} ({error.strerror}): {again}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError):
        raise UserError(f"The judge at {folder} is damaged: restore it, or {again}.") from None
    if judge.hash != recorded:
        raise UserError(
            f"The judge at {folder} is not the one its record describes (hash "
            f"{judge.hash[:12]}, recorded {recorded[:12]}): restore it, or {again}."
        )
    return judge.eval().requires_grad_(False)
