"""The evaluation classifier: a small network, trained on real images, that classifies samples.

Its predictions measure whether a sample shows the requested class (GAN-test). Fréchet distances
are computed from its penultimate activations. A classifier of MNIST ships with the package;
`python -m latentarium.classifier --data SOURCE --out DIR` trains a classifier on other labelled
images.
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

WEIGHTS_FILE, METADATA_FILE = "classifier.safetensors", "classifier.json"
MAX_FINAL_SIDE = 4
"""Images are halved until their larger side is at most this many pixels."""
MAX_CHANNELS = 64
NUM_FEATURES = 96
"""Number of features of the classifiers that are trained for an evaluation."""
CONFIDENT = 0.9
"""A prediction is confident if the probability of the predicted class is above this."""


@final
class Classifier(nn.Module):
    """A convolutional classifier.

    3x3 convolutions, each followed by max-pooling, halve the image until its larger side is at
    most 4 pixels; the outputs of a dense layer are the features.

    Arguments:
        image_shape: Channels, height, width.
        classes: Names of the classes in label order, at least two.
        source: Name of the data it was trained on.
        width: Channels of the first convolution. Each later convolution has twice as many
            channels as the one before it, but at most 64.
        num_features: Number of features.
        metadata: How the classifier was trained, and its accuracy: seed, data, versions etc.

    Raises:
        UserError: Fewer than two classes ("too-few-classes").
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
        *,
        source: str = "untrained",
        width: int = 16,
        num_features: int = NUM_FEATURES,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if len(classes) < 2:
            raise UserError(
                f"{source} has {len(classes)} classes, but a classifier needs at least 2; give "
                "labelled data.",
                code="too-few-classes",
            )
        self.image_shape = image_shape
        self.classes = classes
        self.source = source
        self.width = width
        self.num_features = num_features
        self.metadata: dict[str, Any] = metadata or {}
        channels, height, width_px = image_shape
        layers: list[nn.Module] = []
        while max(height, width_px) > MAX_FINAL_SIDE or not layers:
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
            channels, width = width, max(width, min(2 * width, MAX_CHANNELS))
            height, width_px = math.ceil(height / 2), math.ceil(width_px / 2)
        flat = channels * height * width_px
        dense = [nn.Linear(flat, num_features, bias=False), nn.BatchNorm1d(num_features)]
        self.trunk: nn.Sequential = nn.Sequential(*layers, nn.Flatten(), *dense, nn.ReLU())
        self.head: nn.Linear = nn.Linear(num_features, len(classes))
        # measured: training on a CPU takes 1.5 times as long without it
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  stubs

    @property
    def name(self) -> str:
        """Name of the extractor in protocols."""
        return f"classifier-{self.source}"

    @property
    def hash(self) -> str:
        """sha256 of the weights, the classes and the image shape, in hexadecimal."""
        digest = hashlib.sha256(repr((self.image_shape, self.classes)).encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)} ".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def accuracy(self) -> float:
        """Share of the real test images that are classified correctly.

        Raises:
            UserError: The accuracy has not been measured ("not-scored").
        """
        if "accuracy" not in self.metadata:
            raise UserError(
                f"{self.name} has no recorded accuracy; train it with train_classifier.",
                code="not-scored",
            )
        return float(self.metadata["accuracy"])

    def forward(self, x: Images) -> PerClass:
        """Return logits with gradients, for training. For inference use `logits`."""
        return self.head(self.trunk(x.contiguous(memory_format=torch.channels_last)))

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Return the penultimate activations, float32 on the CPU.

        Arguments:
            images: Floats in [-1, 1], or uint8; on any device.
            batch_size: Images per pass. It limits memory and does not change the result.

        Raises:
            UserError: The images don't have the shape of the training images
                ("shape-mismatch"), or pixels are not finite ("not-finite").
        """
        return self._features(images, batch_size)

    def logits(self, images: Images | Pixels, *, batch_size: int = 500) -> PerClass:
        """Return one unnormalized log-probability per class; arguments as for `features`."""
        return self.logits_of(self._features(images, batch_size))

    def logits_of(self, features: Features) -> PerClass:
        """Return the logits of images whose features are known, on the CPU."""
        with torch.no_grad():
            return self.head(features.to(self.head.weight.device)).cpu()

    def probabilities(self, images: Images | Pixels, *, batch_size: int = 500) -> PerClass:
        """Return one probability per class; arguments as for `features`."""
        return self.logits(images, batch_size=batch_size).softmax(1)

    def predict(self, images: Images | Pixels, *, batch_size: int = 500) -> Labels:
        """Return the most probable class; arguments as for `features`."""
        return self.logits(images, batch_size=batch_size).argmax(1)

    def count_correct(self, split: Split) -> int:
        """Return how many images of a labelled split are classified correctly.

        Raises:
            UserError: The split has no labels ("no-labels").
        """
        if split.labels is None:
            raise UserError(
                "The split has no labels to compare predictions with; give a labelled split.",
                code="no-labels",
            )
        return int((self.predict(split.images) == split.labels).sum())

    def _features(self, images: Tensor, batch_size: int) -> Tensor:
        if tuple(images.shape[1:]) != self.image_shape:
            raise UserError(
                f"The images have shape {tuple(images.shape[1:])}, but {self.name} was trained on "
                f"images of shape {self.image_shape}; train a classifier on these data.",
                code="shape-mismatch",
            )
        device, was_training = self.head.weight.device, self.training
        if was_training:  # walking through the modules takes longer than the layers of one image
            self.eval()
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(batch_size):
                x = quantize(part.to(device)).contiguous(memory_format=torch.channels_last)
                parts.append(self.trunk(x).cpu())
        if was_training:
            self.train()
        return torch.cat(parts)


def as_pixels(images: Tensor) -> Tensor:
    """Return images as uint8 pixels, as they are stored in files.

    Raises:
        UserError: Values that are not finite ("not-finite").
    """
    if images.dtype == torch.uint8:
        return images
    if not bool(images.isfinite().all()):
        raise UserError(
            "Some pixels are not finite; check the model that generated the images.",
            code="not-finite",
        )
    return to_uint8(images)


def quantize(images: Tensor) -> Tensor:
    """Return images in [-1, 1] with values rounded to those of 8-bit pixels, so that a sample gets
    the same score before and after it is saved. It raises the same errors as `as_pixels`."""
    return to_float(as_pixels(images))


def save_classifier(classifier: Classifier, folder: Path | str) -> None:
    """Write classifier.safetensors and classifier.json into a folder, each atomically.

    Raises:
        UserError: The folder can't be written to.
    """
    folder = Path(folder)
    state = {key: value.cpu().contiguous() for key, value in classifier.state_dict().items()}
    content = {
        "name": classifier.name,
        "hash": classifier.hash,
        "config": {
            "source": classifier.source,
            "image_shape": classifier.image_shape,
            "classes": classifier.classes,
            "width": classifier.width,
            "num_features": classifier.num_features,
        },
        **classifier.metadata,
    }
    write_atomic(folder / WEIGHTS_FILE, save_tensors(state))
    write_atomic(folder / METADATA_FILE, (json.dumps(content, indent=2) + "\n").encode())


def load_classifier(folder: Path | str | None = None) -> Classifier:
    """Read a classifier, in evaluation mode on the CPU, and verify its hash.

    Arguments:
        folder: The folder that `save_classifier` wrote; None: the MNIST classifier that ships
            with the package.

    Raises:
        UserError: Files are missing ("no-classifier") or damaged ("damaged-classifier"), or the
            hash of the weights is not the hash in the metadata ("hash-mismatch").
    """
    if folder is None:
        with as_file(files("latentarium.classifier") / "mnist") as shipped:
            return load_classifier(shipped)
    folder = Path(folder)
    retrain = "train it again with python -m latentarium.classifier"
    try:
        content = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
        state = load_tensors((folder / WEIGHTS_FILE).read_bytes())
        config, recorded_hash = content.pop("config"), content.pop("hash")
        shape, classes = tuple(config.pop("image_shape")), tuple(config.pop("classes"))
        if not all(isinstance(size, int) and size > 0 for size in shape):
            raise ValueError("a size of the image shape is not a positive integer")
        content.pop("name", None)
        classifier = Classifier(shape, classes, **config, metadata=content)
        classifier.load_state_dict(state)
    except OSError as error:
        raise UserError(
            f"There is no classifier at {folder} ({error.strerror}); {retrain}.",
            code="no-classifier",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RuntimeError,
            SafetensorError):  # fmt: skip
        raise UserError(
            f"The classifier at {folder} is damaged; restore it, or {retrain}.",
            code="damaged-classifier",
        ) from None
    if classifier.hash != recorded_hash:
        raise UserError(
            f"The classifier at {folder} has hash {classifier.hash[:12]}, but the hash in its "
            f"metadata is {str(recorded_hash)[:12]}; restore it, or {retrain}.",
            code="hash-mismatch",
        )
    return classifier.eval().requires_grad_(False)
