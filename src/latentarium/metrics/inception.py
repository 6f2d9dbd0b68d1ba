"""Inception: the extractor of the published FID, KID, precision and recall.

Network and weights are torch-fidelity's (github.com/toshas/torch-fidelity), which resizes and
normalizes as the original code did, so that the numbers are the standard ones (Heusel et al.,
2017). Its weights were trained on photographs: on grey digits the number is comparable with
published ones, but what it sees of them is for the judge to say.
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
AT_ONCE = 50
"""Images at most in one pass: each becomes 299 x 299, and 50 of them need about 0.6 GiB."""
FILE = "weights-inception-2015-12-05-6726825d.pth"


@final
class Inception:
    """The 2048 outputs of InceptionV3's last pooling; grey images become RGB with equal channels.

    Arguments:
        weights_path: The file of weights that torch-fidelity publishes.
        device: Where it runs; None: a GPU if there is one, else the CPU.

    Raises:
        UserError: torch-fidelity is not installed, or the file holds other weights.
    """

    name = "inception-v3-2048"
    num_features = 2048

    def __init__(self, weights_path: Path | str, device: torch.device | str | None = None) -> None:
        kind = _torch_fidelity().FeatureExtractorInceptionV3
        wrong = (
            f"{weights_path} holds no weights of torch-fidelity's Inception: give {FILE} from its "
            "releases (v0.2.0)."
        )
        try:
            content = Path(weights_path).read_bytes()
        except OSError as error:
            raise UserError(
                f"Can't read the Inception weights {weights_path} ({error.strerror}): give the "
                f"path of {FILE} from torch-fidelity's releases (v0.2.0)."
            ) from None
        try:
            # torch-fidelity unpickles whatever the file holds; this refuses all but tensors first
            torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self._network = kind("inception", [LAYER], io.BytesIO(content))
        except (RuntimeError, ValueError, TypeError, AttributeError, KeyError, EOFError,
                pickle.UnpicklingError):  # fmt: skip
            raise UserError(wrong) from None
        self.hash = hashlib.sha256(content).hexdigest()
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._network.to(self._device)

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """The pooled activations.

        Arguments:
            images: One or three channels, any height and width.
            batch_size: Images at once, and no more than `AT_ONCE`: memory, not meaning.

        Raises:
            UserError: Another number of channels, or values that are not finite.
        """
        channels = images.shape[1]
        if channels not in (1, 3):
            raise UserError(
                f"{self.name} sees grey or RGB images, not {channels} channels: use random "
                "convolutions or pixel PCA."
            )
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(min(batch_size, AT_ONCE)):
                pixels = as_pixels(part).to(self._device).expand(-1, 3, -1, -1)
                parts.append(self._network(pixels)[0].cpu())
        return torch.cat(parts)


def _torch_fidelity() -> Any:  # noqa: ANN401  a module without types
    try:
        with _torchvision_or_stand_in():
            return importlib.import_module("torch_fidelity")
    except ImportError as error:
        raise UserError(
            f"Inception needs torch-fidelity, which can't be imported ({error}): install it with "
            "pip install --no-deps 'torch-fidelity>=0.4' tqdm."
        ) from None


@contextmanager
def _torchvision_or_stand_in() -> Iterator[None]:
    """Lets torch-fidelity be imported without torchvision.

    It imports torchvision for data sets, CLIP, DINO and LPIPS. Inception needs nothing of it, and
    with a CPU build of torch there may be none, or one that fails on import. So it gets empty
    modules in torchvision's place, for the time of the import only: other packages must not take
    them for the real one.
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
    _remove_torchvision()  # what a failed import left
    datasets = ModuleType("torchvision.datasets")
    for name in ("CIFAR10", "CIFAR100", "STL10"):  # base classes of data sets
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
