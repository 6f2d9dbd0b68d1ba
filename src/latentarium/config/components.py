"""Settings of components that are chosen by name: trunks, priors and adversarial losses."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from latentarium import registry
from latentarium.config.limits import NOT_EMPTY, Range
from latentarium.config.validation import Settings, require, shown

MAX_WIDTH, MAX_DEPTH = 100_000, 1000
"""Limits that are far above any use, so that a mistyped or damaged value is refused at once."""
Name = Annotated[str, NOT_EMPTY]


@dataclass(frozen=True, kw_only=True)
class TrunkConfig(Settings):
    """Base class of the settings of trunks: the networks between images and features."""

    kind: Name
    """Registered name of the trunk."""


@dataclass(frozen=True, kw_only=True)
class NetConfig(TrunkConfig):
    """A fully connected or a convolutional trunk."""

    kind: Literal["mlp", "conv"] = "conv"
    """mlp: fully connected layers on the flattened image; conv: strided convolutions."""
    width: Annotated[int, Range(1, MAX_WIDTH)] = 32
    """mlp: units of a hidden layer; conv: channels of the finest stage, which are doubled at each
    coarser stage."""
    depth: Annotated[int, Range(1, MAX_DEPTH)] = 2
    """mlp: number of hidden layers; conv: number of convolutions in each stage."""
    hidden: Annotated[int, Range(0, MAX_WIDTH)] = 0
    """conv: units of a dense layer between the coarsest stage and the latent; 0: no such layer."""
    upsampling: Literal["transposed", "bilinear"] = "transposed"
    """conv: how decoders double height and width: by transposed convolutions, or by bilinear
    interpolation before a convolution, which leaves no checkerboard (Odena et al., 2016)."""
    output_scale: Annotated[float, Range(above=0)] = 1.0
    """Factor on the initial weights of a decoder's last layer; with a small factor, such as 0.02,
    training starts from nearly constant images."""
    norm: Literal["none", "batch"] = "none"
    """Normalization after each hidden layer."""
    fourier: Annotated[float, Range(low=0)] = 0.0
    """mlp: standard deviation of the frequencies of random Fourier features that are appended to
    the input, in cycles per unit of input (Tancik et al., 2020); 0: none."""

    def check(self) -> None:
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
class PriorConfig(Settings):
    """Base class of the settings of priors; a prior without settings has no such class."""

    kind: Name
    """Registered name of the prior."""


@dataclass(frozen=True, kw_only=True)
class AdversarialLossConfig(Settings):
    """Base class of the settings of adversarial losses; a loss without settings has none."""

    kind: Name
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
    kind: registry.Kind, choice: str | PriorConfig | AdversarialLossConfig, where: str
) -> None:
    """Check that a component is registered, and that its settings have the registered class.

    Raises:
        UserError: It is not registered (code "unknown-component"), or its settings belong to
            another component (code "invalid-setting").
    """
    name = name_of(choice)
    if name not in (_LABELLED_PRIORS if kind == "prior" else ADVERSARIAL_LOSSES):
        registry.component(kind, name)
    if not isinstance(choice, str):
        require_settings_of(kind, name, choice, where)


def require_settings_of(kind: registry.Kind, name: str, settings: object, where: str) -> None:
    """Check that settings have the class with which a component is registered.

    Raises:
        UserError: They belong to another component (code "invalid-setting").
    """
    known = registry.declared_settings(kind, name)
    require(
        known is None or isinstance(settings, known),
        f"{where} is {shown(settings)}; the settings of the {kind.replace('_', ' ')} '{name}' "
        f"must be a {known.__name__ if known else ''}.",
    )


def resolve(
    kind: registry.Kind, choice: str | PriorConfig | AdversarialLossConfig
) -> tuple[Any, Any]:
    """Return the class of a component and its settings.

    Arguments:
        kind: The kind of the component.
        choice: Its name, which stands for its default settings, or its settings.

    Returns:
        The registered class, and the settings; None for a component without settings.

    Raises:
        UserError: No such component is registered (code "unknown-component").
    """
    component = registry.component(kind, name_of(choice))
    if not isinstance(choice, str):
        return component, choice
    settings = registry.settings_type(kind, choice)
    return component, None if settings is None else settings()


registry.register_settings("trunk", "mlp", NetConfig)
registry.register_settings("trunk", "conv", NetConfig)
