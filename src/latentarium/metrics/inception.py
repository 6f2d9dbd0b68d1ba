"""Inception features, as used by the published FID, KID, precision and recall.

Network and weights are those of torch-fidelity (github.com/toshas/torch-fidelity), which resizes
and normalizes images as the original code did, so that values are comparable with published ones
(Heusel et al., 2017). The weights were trained on photographs, so for images of digits the
features of a digit classifier are more relevant.
"""

import hashlib
import importlib
import io
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, final

import torch

from latentarium.classifier.classifier import as_pixels
from latentarium.errors import UserError
from latentarium.shapes import Features, Images, Pixels

LAYER = "2048"
MAX_BATCH = 50
"""Images per pass: each is resized to 299 x 299, and 50 of them need about 0.6 GiB."""
WEIGHTS_FILE = "weights-inception-2015-12-05-6726825d.pth"


@final
class Inception:
    """The 2048 outputs of InceptionV3's last pooling layer. Grey images become RGB with equal
    channels.

    Arguments:
        weights_path: The file of weights that torch-fidelity publishes.
        device: The device to run on; None: a GPU if there is one, otherwise the CPU.

    Raises:
        UserError: torch-fidelity is not installed ("missing-package"), or the file can't be read
            ("unreadable-weights") or contains other weights ("wrong-weights").
    """

    name = "inception-v3-2048"
    num_features = 2048

    def __init__(self, weights_path: Path | str, device: torch.device | str | None = None) -> None:
        network = _torch_fidelity().FeatureExtractorInceptionV3
        try:
            content = Path(weights_path).read_bytes()
        except OSError as error:
            raise UserError(
                f"Can't read the Inception weights {weights_path} ({error.strerror}); give the "
                f"path of {WEIGHTS_FILE} from torch-fidelity's releases (v0.2.0).",
                code="unreadable-weights",
            ) from None
        try:
            # torch-fidelity unpickles the whole file, so code in it must be refused first
            torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self._network = network("inception", [LAYER], io.BytesIO(content))
        except (RuntimeError, ValueError, TypeError, AttributeError, KeyError, EOFError,
                pickle.UnpicklingError):  # fmt: skip
            raise UserError(
                f"{weights_path} does not contain the weights of torch-fidelity's Inception; give "
                f"{WEIGHTS_FILE} from its releases (v0.2.0).",
                code="wrong-weights",
            ) from None
        self.hash: str = hashlib.sha256(content).hexdigest()
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._network.to(self._device)

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Return the pooled activations, float32 on the CPU.

        Arguments:
            images: One or three channels, any height and width.
            batch_size: Images per pass, at most `MAX_BATCH`. It limits memory.

        Raises:
            UserError: Another number of channels ("unsupported-channels"), or values that are not
                finite ("not-finite").
        """
        channels = images.shape[1]
        if channels not in (1, 3):
            raise UserError(
                f"The images have {channels} channels, but {self.name} needs 1 or 3 channels; use "
                "random convolutions or pixel PCA.",
                code="unsupported-channels",
            )
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(min(batch_size, MAX_BATCH)):
                pixels = as_pixels(part).to(self._device).expand(-1, 3, -1, -1)
                parts.append(self._network(pixels)[0].cpu())
        return torch.cat(parts)


def _torch_fidelity() -> Any:  # noqa: ANN401  a module without types
    try:
        with _torchvision_or_stand_in():
            return importlib.import_module("torch_fidelity")
    except ImportError as error:
        raise UserError(
            f"Inception needs torch-fidelity, which can't be imported ({error}); install it with "
            "pip install --no-deps 'torch-fidelity>=0.4' tqdm.",
            code="missing-package",
        ) from None


@contextmanager
def _torchvision_or_stand_in() -> Iterator[None]:
    """Make torch-fidelity importable without torchvision.

    It imports torchvision for data sets, CLIP, DINO and LPIPS, none of which Inception needs.
    With a CPU build of torch, torchvision may be missing or may fail on import. Empty modules then
    replace it, but only during the import, so that other packages don't use them by mistake.
    """
    if "torch_fidelity" in sys.modules:
        yield
        return
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError):  # RuntimeError: built for another torch
        pass
    else:
        yield
        return
    _remove_torchvision()  # parts left by the failed import
    datasets = ModuleType("torchvision.datasets")
    for name in ("CIFAR10", "CIFAR100", "STL10"):  # base classes of torch-fidelity's data sets
        setattr(datasets, name, type(name, (), {}))
    functional = ModuleType("torchvision.transforms.functional")
    transforms = ModuleType("torchvision.transforms")
    transforms.functional = functional  # pyright: ignore[reportAttributeAccessIssue]
    top = ModuleType("torchvision")
    top.datasets, top.transforms = datasets, transforms  # pyright: ignore[reportAttributeAccessIssue]
    for module in (top, datasets, transforms, functional):
        sys.modules[module.__name__] = module
    try:
        yield
    finally:
        _remove_torchvision()


def _remove_torchvision() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
