"""Settings of components that are chosen by name: trunks, priors and adversarial losses."""

from dataclasses import dataclass
from typing import Literal

from latentarium import registry
from latentarium.config.validation import require, require_at_least


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """Base class of the settings of trunks: the networks between images and features."""

    kind: str
    """Registered name of the trunk."""


@dataclass(frozen=True, kw_only=True)
class NetConfig(TrunkConfig):
    """A fully connected or a convolutional trunk."""

    kind: Literal["mlp", "conv"] = "conv"
    """mlp: fully connected layers on the flattened image; conv: strided convolutions."""
    width: int = 32
    """mlp: units of a hidden layer; conv: channels of the finest stage, which are doubled at each
    coarser stage."""
    depth: int = 2
    """mlp: number of hidden layers; conv: number of convolutions in each stage."""
    hidden: int = 0
    """conv: units of a dense layer between the coarsest stage and the latent; 0: no such layer."""
    upsampling: Literal["transposed", "bilinear"] = "transposed"
    """conv: how decoders double height and width: by transposed convolutions, or by bilinear
    interpolation before a convolution, which leaves no checkerboard (Odena et al., 2016)."""
    norm: Literal["none", "batch"] = "none"
    """Normalization after each hidden layer."""
    fourier: float = 0.0
    """mlp: standard deviation of the frequencies of random Fourier features that are appended to
    the input, in cycles per unit of input (Tancik et al., 2020); 0: none."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "width", "depth")
        require_at_least(self, 0, "hidden", "fourier")
        require(
            self.fourier == 0 or self.kind == "mlp",
            f"fourier is {self.fourier} and kind is 'conv': only kind 'mlp' has Fourier features. "
            "Set kind to 'mlp', or fourier to 0.",
        )
        require(
            self.upsampling == "transposed" or self.kind == "conv",
            f"upsampling is '{self.upsampling}' and kind is 'mlp', which has no upsampling. Set "
            "kind to 'conv', or upsampling to 'transposed'.",
        )


@dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """Base class of the settings of priors; a prior without settings has no such class."""

    kind: str
    """Registered name of the prior."""


@dataclass(frozen=True, kw_only=True)
class AdversarialLossConfig:
    """Base class of the settings of adversarial losses; a loss without settings has none."""

    kind: str
    """Registered name of the loss."""


def name_of(choice: str | PriorConfig | AdversarialLossConfig) -> str:
    """Return the registered name of a component that is given by its name or by its settings."""
    return choice if isinstance(choice, str) else choice.kind


ADVERSARIAL_LOSSES = ("relativistic", "non_saturating", "hinge")
"""The built-in adversarial losses."""
_LABELLED_PRIORS = {"standard_normal": False, "class_gaussian": True}
"""Whether each built-in prior needs a label."""


def labelled_prior(prior: str | PriorConfig) -> bool:
    """Return whether a prior depends on the class."""
    name = name_of(prior)
    if name in _LABELLED_PRIORS:
        return _LABELLED_PRIORS[name]
    return bool(registry.component("prior", name).takes_label)


def require_known(
    kind: Literal["prior", "adversarial_loss"], choice: str | PriorConfig | AdversarialLossConfig
) -> None:
    """Check that a component is registered.

    Raises:
        UserError: It is not (code "unknown-component").
    """
    name = name_of(choice)
    if name not in (_LABELLED_PRIORS if kind == "prior" else ADVERSARIAL_LOSSES):
        registry.component(kind, name)


registry.register_settings("trunk", "mlp", NetConfig)
registry.register_settings("trunk", "conv", NetConfig)
