"""Settings of components that are chosen by name: trunks, priors, likelihoods and losses."""

import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from latentarium import registry
from latentarium.config.limits import NOT_EMPTY, Range
from latentarium.config.validation import Settings, require, shown
from latentarium.texts import Text

MAX_WIDTH, MAX_DEPTH = 100_000, 1000
"""Limits that are far above any use, so that a mistyped or damaged value is refused at once."""
Name = Annotated[str, NOT_EMPTY]
Activation = Literal["leaky_relu", "silu"]


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
    activation: Activation = "leaky_relu"
    """Activation of each hidden layer. leaky_relu: with slope 0.2; silu: x sigmoid(x), which is
    smooth (Elfwing et al., 2018)."""
    norm: Literal["none", "batch"] = "none"
    """Normalization after each hidden layer."""
    fourier: Annotated[float, Range(low=0)] = 0.0
    """mlp: standard deviation of the frequencies of random Fourier features that are appended to
    the input, in cycles per unit of input (Tancik et al., 2020); 0: none."""

    def check(self) -> None:
        require(
            self.fourier == 0 or self.kind == "mlp",
            Text(
                "fourier is {fourier} and kind is 'conv': only kind 'mlp' has Fourier "
                "features. Set kind to 'mlp', or fourier to 0.",
                fourier=self.fourier,
            ),
        )
        require(
            self.upsampling == "transposed" or self.kind == "conv",
            Text(
                "upsampling is '{upsampling}' and kind is 'mlp', which has no upsampling. "
                "Set kind to 'conv', or upsampling to 'transposed'.",
                upsampling=self.upsampling,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ComponentConfig(Settings):
    """Base class of the settings of a component that a field gives by its name or its settings.

    A component without settings has no such class, and is always given by its name.
    """

    kind: Name
    """Registered name of the component."""


@dataclass(frozen=True, kw_only=True)
class PriorConfig(ComponentConfig):
    """Base class of the settings of priors."""


@dataclass(frozen=True, kw_only=True)
class LikelihoodConfig(ComponentConfig):
    """Base class of the settings of likelihoods."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig(ComponentConfig):
    """Base class of the settings of objectives of VAEs."""


@dataclass(frozen=True, kw_only=True)
class AdversarialLossConfig(ComponentConfig):
    """Base class of the settings of adversarial losses."""


NAMED_COMPONENTS: dict[type[ComponentConfig], registry.Kind] = {
    PriorConfig: "prior",
    LikelihoodConfig: "likelihood",
    ObjectiveConfig: "objective",
    AdversarialLossConfig: "adversarial_loss",
}
"""The kinds of these components. A field for one of them has the type `str | PriorConfig`."""


def name_of(choice: str | ComponentConfig) -> str:
    """Return the registered name of a component that is given by its name or by its settings."""
    return choice if isinstance(choice, str) else choice.kind


def component_kind(hint: object) -> registry.Kind | None:
    """Return the kind of component that an annotation chooses by name; None for other settings."""
    arguments = typing.get_args(hint)
    return next((kind for base, kind in NAMED_COMPONENTS.items() if base in arguments), None)


OBJECTIVES = ("elbo", "importance_weighted", "free_bits")
"""The built-in objectives of VAEs."""
ADVERSARIAL_LOSSES = ("relativistic", "non_saturating", "hinge")
"""The built-in adversarial losses."""
_LABELLED_PRIORS = {"standard_normal": False, "class_gaussian": True}
"""Whether each built-in prior needs a label."""
_BINARY_LIKELIHOODS = {"bernoulli": True, "gaussian": False, "discretized_logistic": False}
"""Whether each built-in likelihood is a probability of binary pixels."""
_BUILT_IN: dict[registry.Kind, tuple[str, ...]] = {
    "prior": tuple(_LABELLED_PRIORS),
    "likelihood": tuple(_BINARY_LIKELIHOODS),
    "objective": OBJECTIVES,
    "adversarial_loss": ADVERSARIAL_LOSSES,
}
"""Components that are known without importing torch."""


def labelled_prior(prior: str | PriorConfig) -> bool:
    """Return whether a prior depends on the class."""
    name = name_of(prior)
    if name in _LABELLED_PRIORS:
        return _LABELLED_PRIORS[name]
    return bool(registry.component("prior", name).takes_label)


def binary_likelihood(likelihood: str | LikelihoodConfig) -> bool:
    """Return whether a likelihood is a probability of binary pixels."""
    name = name_of(likelihood)
    if name in _BINARY_LIKELIHOODS:
        return _BINARY_LIKELIHOODS[name]
    return bool(registry.component("likelihood", name).binary)


def require_known(kind: registry.Kind, choice: str | ComponentConfig, where: str) -> None:
    """Check that a component is registered, and that its settings have the registered class.

    Raises:
        UserError: It is not registered (code "unknown-component"), or its settings belong to
            another component (code "invalid-setting").
    """
    name = name_of(choice)
    if name not in _BUILT_IN[kind]:
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
        Text(
            "{where} is {settings}; the settings of the {kind} '{name}' must be a "
            "{settings_class}.",
            where=where,
            settings=shown(settings),
            kind=kind.replace("_", " "),
            name=name,
            settings_class=known.__name__ if known else "",
        ),
    )


def resolve(kind: registry.Kind, choice: str | ComponentConfig) -> tuple[Any, Any]:
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
