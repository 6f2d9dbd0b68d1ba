"""Check and convert the inputs of a model's public methods."""

import functools
import inspect
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from latentarium.config import DataCard, ModelConfig
from latentarium.errors import UserError
from latentarium.models.inputs import ImageFormat, as_latents, to_model
from latentarium.models.labels import as_labels
from latentarium.shapes import (
    ImageInput,
    Images,
    LabelInput,
    Labels,
    LatentInput,
    Latents,
    SoftLabels,
)
from latentarium.unchecked import checks_are_off, unchecked_inputs

INPUTS: dict[str, tuple[str, ...]] = {
    "encode": ("images", "label"),
    "decode": ("latents", "label"),
    "distortion": ("images", "latents", "label"),
    "discriminate": ("images", "label"),
}
"""The inputs of each method after `self`."""


class CheckedModel(nn.Module):
    """A module whose subclasses' methods in `INPUTS` check and convert their inputs.

    A method that calls another one passes tensors that were checked, so only the outermost call
    checks. `unchecked_inputs` turns the checks off.

    Arguments:
        config: The settings of the family.
        data: The card of the training data.
    """

    def __init__(self, config: ModelConfig, data: DataCard) -> None:
        super().__init__()
        self.config = config
        self.data = data
        self.image_shape: tuple[int, int, int] = data.image_shape
        self.classes: tuple[str, ...] = data.classes
        points = data.image_shape[1:] == (1, 1)  # or rows of a table; they have no bounds
        self.image_format: ImageFormat = ImageFormat(
            shape=data.image_shape,
            bound=math.inf if points else 1.0,
            value_range=data.value_range,
        )
        """The images that the model takes."""

    @property
    @abstractmethod
    def takes_label(self) -> bool:
        """Whether labels can be given."""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            overridden = [vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)]
            if not overridden or not inspect.isfunction(method):
                continue
            method.__doc__ = method.__doc__ or overridden[0].__doc__
            if name in INPUTS:
                setattr(cls, name, _checked(method, INPUTS[name]))

    def read_images(self, x: ImageInput, *, stacklevel: int = 2) -> Images:
        """Return images as floats in [-1, 1] with the model's type, on its device.

        Arguments:
            x: Images.
            stacklevel: The caller that a warning names, as for `warnings.warn`.

        Raises:
            UserError: As for `ImageFormat.read`.
        """
        return to_model(self.image_format.read(x, stacklevel=stacklevel + 1), self._like())

    def limit(self, images: Images) -> Images:
        """Clamp images to [-1, 1]. Points and rows of a table, of one pixel, have no bounds."""
        bound = self.image_format.bound
        return images if math.isinf(bound) else images.clamp(-bound, bound)

    def read_latents(self, z: LatentInput) -> Latents:
        """Return latents (N, Z) with the model's type, on its device.

        Raises:
            UserError: As for `latentarium.models.inputs.as_latents`.
        """
        return as_latents(z, self.config.latent_dim, self._like())

    def read_labels(self, y: LabelInput, n: int) -> Labels | SoftLabels | None:
        """Return a label for each of n images, on the model's device; None if none are given.

        Raises:
            UserError: A label is given to a model that takes none (code "label-not-taken"), or as
                for `latentarium.models.labels.as_labels`.
        """
        if y is None:
            return None
        if not self.takes_label:
            raise UserError(
                f"{a_kind(self.config.kind)} takes no label: leave the label out, or "
                + (
                    "fit a prior with classes (latentarium fit-prior RUN --kind class-gaussian) "
                    "and select it (--prior class-gaussian)."
                    if self.config.has_encoder
                    else "use a conditional model such as the preset cgan_mnist."
                ),
                code="label-not-taken",
            )
        labels, like = as_labels(y, n, self.classes), self._like()
        return labels.to(like) if labels.is_floating_point() else labels.to(like.device)

    def _class_weights(self, y: Labels | SoftLabels | None) -> SoftLabels | None:
        """Return labels as weights over classes; None if the networks take no label."""
        if not self.takes_label:
            if y is not None:
                raise UserError(
                    f"{a_kind(self.config.kind)} takes no label: leave the label out.",
                    code="label-not-taken",
                )
            return None
        if not self.config.decodes_label:  # only the prior depends on the label
            return None
        if y is None:
            raise UserError(
                f"{a_kind(self.config.kind)} needs a label for each image: give labels.",
                code="label-missing",
            )
        if y.dtype.is_floating_point:
            return y
        return nn.functional.one_hot(y.long(), len(self.classes)).to(self._like().dtype)

    def _like(self) -> Tensor:
        """Return a tensor with the type and the device of the model's inputs."""
        return next(self.parameters(), torch.empty(0))


def a_kind(kind: str) -> str:
    """Return a kind of model with its article: "A VAE", "An autoencoder"."""
    return f"{'An' if kind[0] in 'aeiou' else 'A'} {kind}"


def _checked(method: Callable[..., Any], kinds: tuple[str, ...]) -> Callable[..., Any]:
    names = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        compiling = torch.compiler.is_compiling()
        if len(args) > len(names) or (not compiling and checks_are_off()):
            return method(self, *args, **kwargs)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        n = 0
        for name, kind in zip(names, kinds, strict=False):
            if name not in given:
                continue
            if kind == "label":
                given[name] = self.read_labels(given[name], n)
            elif kind == "images":
                given[name] = self.read_images(given[name], stacklevel=3)
                n = len(given[name])
            else:
                given[name] = self.read_latents(given[name])
                if kinds[0] == "images" and len(given[name]) != n:
                    raise UserError(
                        f"There are {n} images and {len(given[name])} latents: give one latent "
                        "for each image.",
                        code="shape-mismatch",
                    )
                n = len(given[name])
        if compiling:
            return method(self, **given)
        with unchecked_inputs():
            return method(self, **given)

    return checked
