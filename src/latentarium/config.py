"""Configuration: frozen dataclasses that convert to JSON and back, validated on construction.

This module does not import torch, so that `--help` is quick. The text below each field gives its
meaning and unit. An invalid value raises a `UserError` that names the field, the value and the
allowed range.
"""

import dataclasses
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from latentarium import registry
from latentarium.errors import UserError, did_you_mean


def require_seed(seed: int) -> None:
    """Check that every random number generator accepts this seed.

    Raises:
        UserError: The seed is not between 0 and 2^32 - 1 (code "invalid-setting").
    """
    _require(0 <= seed < 2**32, f"seed is {seed}; it must be between 0 and 2**32 - 1.")


def _require(condition: bool, message: str, code: str = "invalid-setting") -> None:
    if not condition:
        raise UserError(message, code=code)


def _require_at_least(config: object, low: int, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value >= low, f"{name} is {value}; it must be at least {low}.")


# ------------------------------------------------------------------------------ components


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
    """conv: how decoders double the size: by transposed convolutions, or by bilinear interpolation
    followed by convolutions, which takes longer but leaves no checkerboard (Odena et al., 2016)."""
    norm: Literal["none", "batch"] = "none"
    """Normalization after each hidden layer."""
    fourier: float = 0.0
    """mlp: standard deviation of the frequencies of random Fourier features that are appended to
    the input, in cycles per unit of input (Tancik et al., 2020); 0: none."""

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "width", "depth")
        _require_at_least(self, 0, "hidden", "fourier")
        _require(
            self.fourier == 0 or self.kind == "mlp",
            f"fourier is {self.fourier} and kind is 'conv': only kind 'mlp' has Fourier features. "
            "Set kind to 'mlp', or fourier to 0.",
        )
        _require(
            self.upsampling == "transposed" or self.kind == "conv",
            f"upsampling is '{self.upsampling}' and kind is 'mlp': only kind 'conv' has "
            "upsampling. Set kind to 'conv', or upsampling to 'transposed'.",
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


# ---------------------------------------------------------------------------------- models


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam (Kingma and Ba, 2015) and its learning-rate schedule; each player has one optimizer."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 0
    """Steps over which the learning rate rises linearly from 0."""
    decay: Literal["constant", "cosine"] = "cosine"
    """cosine: the rate falls to `final_fraction` times `learning_rate` at the last step."""
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        _require(
            self.learning_rate > 0,
            f"learning_rate is {self.learning_rate}; it must be more than 0.",
        )
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"{name} is {value}; it must be at least 0 and below 1.")
        _require_at_least(self, 0, "warmup_steps")
        _require(
            0 <= self.final_fraction <= 1,
            f"final_fraction is {self.final_fraction}; it must be between 0 and 1.",
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Base class of the settings of model families.

    The properties state what models of the family can do. The rest of the package checks these
    properties, never the family. A family overrides each property whose default is wrong for it.
    """

    family: str
    """Registered name of the family."""
    latent_dim: int
    """Number of dimensions of the latent space."""

    @property
    def kind(self) -> str:
        """The kind of model in words, for instance "conditional GAN"."""
        return self.family

    @property
    def takes_label(self) -> bool:
        """Whether `sample` accepts a class. Training then needs a label for each image."""
        return False

    @property
    def decodes_label(self) -> bool:
        """Whether the networks take the label; False if only the prior depends on it."""
        return False

    @property
    def has_encoder(self) -> bool:
        """Whether images can be encoded."""
        return False

    @property
    def has_likelihood(self) -> bool:
        """Whether the ELBO can be computed, which needs p(x | z) and a posterior density."""
        return False

    @property
    def has_discriminator(self) -> bool:
        """Whether a discriminator scores how real an image looks."""
        return False

    @property
    def adversarial(self) -> bool:
        """Whether several players with opposing losses train the model."""
        return False

    @property
    def loss_name(self) -> str:
        """Name of the players' losses, which is part of the protocol of the duality gap."""
        return self.family.replace("_", "-")

    @property
    def equilibrium(self) -> dict[str, float]:
        """Each player's adversarial loss, in nats, if the discriminator can't tell real from
        generated images; empty if the model is not adversarial."""
        return {}

    @property
    def response_optimizer(self) -> OptimizerConfig:
        """Optimizer that trains the best responses for the duality gap."""
        return OptimizerConfig(learning_rate=1e-3)

    @property
    def trunks(self) -> dict[str, TrunkConfig]:
        """The settings of the trunks, by the names of their fields."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, TrunkConfig)}


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(ModelConfig):
    """An autoencoder or a VAE. They differ only in the posterior that `encode` returns."""

    family: Literal["autoencoder"] = "autoencoder"
    latent_dim: int = 16
    """Number of dimensions of the latent space."""
    posterior: Literal["point", "gaussian"] = "gaussian"
    """point: an autoencoder; gaussian: a VAE, whose encoder gives a mean and a variance."""
    prior: str | PriorConfig = "standard_normal"
    """standard_normal: N(0, I); class_gaussian: a learned Gaussian for each class."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """bernoulli: pixels in [0, 1] as probabilities; gaussian: real-valued pixels with a fixed
    standard deviation."""
    likelihood_std: float = 0.1
    """Standard deviation of the Gaussian likelihood, in units of x in [-1, 1]."""
    beta: float = 1.0
    """Weight of the KL term (Higgins et al., 2017); 1 gives the ELBO."""
    noise_std: float = 0.0
    """Standard deviation of Gaussian noise added to the encoder's input during training; a value
    above 0 gives a denoising autoencoder (Vincent et al., 2008)."""
    binarize: bool = False
    """Whether to binarize each training image at random whenever it is used, with its grey values
    as probabilities (dynamic binarization; Burda et al., 2016). Needs likelihood 'bernoulli'."""
    conditional: bool = False
    """Whether encoder and decoder take the label (conditional VAE; Sohn et al., 2015)."""
    encoder: TrunkConfig = field(default_factory=NetConfig)
    decoder: TrunkConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "latent_dim")
        _require_at_least(self, 0, "beta", "noise_std")
        _require(
            self.likelihood_std > 0,
            f"likelihood_std is {self.likelihood_std}; it must be more than 0.",
        )
        _require_known("prior", self.prior)
        _require(
            self.posterior == "gaussian" or name_of(self.prior) == "standard_normal",
            f"prior is '{name_of(self.prior)}' and posterior is 'point': a point has no KL "
            "divergence from a prior. Set posterior to 'gaussian', or prior to 'standard_normal'.",
        )
        _require(
            not self.binarize or self.likelihood == "bernoulli",
            "binarize is True and likelihood is 'gaussian': set likelihood to 'bernoulli', or "
            "binarize to False.",
        )

    @property
    def kind(self) -> str:
        name = "VAE" if self.posterior == "gaussian" else "autoencoder"
        return f"conditional {name}" if self.takes_label else name

    @property
    def takes_label(self) -> bool:
        return self.conditional or _labelled_prior(self.prior)

    @property
    def decodes_label(self) -> bool:
        return self.conditional

    @property
    def has_encoder(self) -> bool:
        return True

    @property
    def has_likelihood(self) -> bool:
        return self.posterior == "gaussian"

    @property
    def loss_name(self) -> str:
        return f"{self.likelihood}-{self.posterior}"


@dataclass(frozen=True, kw_only=True)
class GANConfig(ModelConfig):
    """A GAN: a generator and a discriminator. With `conditional`, both take the label."""

    family: Literal["gan"] = "gan"
    latent_dim: int = 64
    """Number of dimensions of z, which is drawn from N(0, I)."""
    loss: str | AdversarialLossConfig = "relativistic"
    """relativistic: pairs of a real and a generated image (Jolicoeur-Martineau, 2018; Huang et
    al., 2025); non_saturating: Goodfellow et al., 2014; hinge: Lim and Ye, 2017."""
    r1: float = 1.0
    """Weight gamma of the penalty gamma/2 |grad D|^2 on real images, in each step."""
    r2: float = 1.0
    """Weight gamma of the penalty gamma/2 |grad D|^2 on generated images, in each step."""
    conditional: bool = False
    """Whether the generator (embedding) and the discriminator (projection) take the label."""
    wrong_label_weight: float = 0.0
    """Weight of the matching-aware term: the discriminator learns to refuse real images under a
    wrong label (Reed et al., 2016). Needs `conditional`."""
    bounded: bool = True
    """True: a tanh keeps generated images in [-1, 1], the range of pixels. False: the output is
    unbounded, for points in the plane, because a tanh saturates near its bounds."""
    generator: TrunkConfig = field(default_factory=NetConfig)
    discriminator: TrunkConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "latent_dim")
        _require_at_least(self, 0, "r1", "r2", "wrong_label_weight")
        _require_known("adversarial_loss", self.loss)
        _require(
            self.conditional or self.wrong_label_weight == 0,
            f"wrong_label_weight is {self.wrong_label_weight} and conditional is False: set "
            "conditional to True, or the weight to 0.",
        )
        norm = getattr(self.discriminator, "norm", "none")
        _require(
            norm == "none" or (self.r1 == 0 and self.r2 == 0),
            f"discriminator.norm is '{norm}', but with a gradient penalty each logit must depend "
            "on one image only: set discriminator.norm to 'none', or r1 and r2 to 0.",
        )

    @property
    def kind(self) -> str:
        return "conditional GAN" if self.conditional else "GAN"

    @property
    def takes_label(self) -> bool:
        return self.conditional

    @property
    def decodes_label(self) -> bool:
        return self.conditional

    @property
    def has_discriminator(self) -> bool:
        return True

    @property
    def adversarial(self) -> bool:
        return True

    @property
    def loss_name(self) -> str:
        suffix = "-wrong-label" if self.wrong_label_weight > 0 else ""
        return name_of(self.loss) + suffix

    @property
    def equilibrium(self) -> dict[str, float]:
        return dict(registry.component("adversarial_loss", name_of(self.loss)).equilibrium)

    @property
    def response_optimizer(self) -> OptimizerConfig:
        return OptimizerConfig(learning_rate=1e-3, beta1=0.0, beta2=0.99)


ADVERSARIAL_LOSSES = ("relativistic", "non_saturating", "hinge")
"""The built-in adversarial losses."""
_LABELLED_PRIORS = {"standard_normal": False, "class_gaussian": True}
"""Whether each built-in prior needs a label."""


def _labelled_prior(prior: str | PriorConfig) -> bool:
    name = name_of(prior)
    if name in _LABELLED_PRIORS:
        return _LABELLED_PRIORS[name]
    return bool(registry.component("prior", name).takes_label)


def _require_known(
    kind: Literal["prior", "adversarial_loss"], choice: str | PriorConfig | AdversarialLossConfig
) -> None:
    name = name_of(choice)
    if name not in (_LABELLED_PRIORS if kind == "prior" else ADVERSARIAL_LOSSES):
        registry.component(kind, name)


# -------------------------------------------------------------------------------- training


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a training: its data, its length, and what it logs and saves."""

    data: str = "mnist"
    """Source of the training data, as `load_data` takes it."""
    image_size: int = 0
    """Height and width, in pixels, to which images are fitted; 0: the size of the images, or 64 if
    their sizes differ."""
    steps: int = 2000
    """Rounds of the game. In each round every player moves once."""
    batch_size: int = 128
    """Number of images that a player sees in one move."""
    seed: int = 0
    """Seed of the training; all random numbers are a function of (seed, step)."""
    ema_halflife: int = 0
    """Half-life of the exponential moving average of the weights, in images; 0: no averaging."""
    log_every: int = 50
    """Steps between rows of the log."""
    sample_every: int = 500
    """Steps between saved grids of samples, which always have the same latents; 0: no grids."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    snapshots: int = 0
    """Number of snapshots of the weights, spaced evenly in log(step); 0: no snapshots."""
    device: str = "auto"
    """auto: a GPU if there is one, else the CPU; or the name of a torch device."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: mixed precision, in which layers compute in bfloat16 during training; weights,
    losses and measurements stay float32. Faster on hardware that supports bfloat16."""

    def __post_init__(self) -> None:
        _require_at_least(self, 1, "steps", "batch_size", "log_every", "checkpoint_every")
        _require_at_least(self, 0, "sample_every", "snapshots", "ema_halflife", "image_size")
        require_seed(self.seed)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that defines a run. The same Config and data give the same weights."""

    name: str = ""
    """Name of the preset; it does not affect the training."""
    model: ModelConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """Facts about the training data that a model needs when the data is not available."""

    source: str
    fingerprint: str
    """SHA-256 of pixels and labels."""
    image_shape: tuple[int, int, int]
    """Channels, height, width."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers; empty if there are no labels."""


registry.register_settings("family", "autoencoder", AutoencoderConfig)
registry.register_settings("family", "gan", GANConfig)
registry.register_settings("trunk", "mlp", NetConfig)
registry.register_settings("trunk", "conv", NetConfig)


def setting(config: object, name: str, default: Any = None) -> Any:  # noqa: ANN401
    """Return a setting by its full name, such as "model.r1" of a `Config`; `default` if it
    does not exist."""
    value: object = config
    for part in name.split("."):
        if not hasattr(value, part):
            return default
        value = getattr(value, part)
    return value


def component_files(config: ModelConfig) -> tuple[str, ...]:
    """Return the paths of the files outside the package that define components of a model."""
    files = [registry.source_file("family", config.family)]
    files += [registry.source_file("trunk", trunk.kind) for trunk in config.trunks.values()]
    choices: tuple[tuple[Literal["prior", "adversarial_loss"], str], ...] = (
        ("prior", "prior"), ("adversarial_loss", "loss"),
    )  # fmt: skip
    for kind, field_name in choices:
        choice = getattr(config, field_name, None)
        if isinstance(choice, str | PriorConfig | AdversarialLossConfig):
            files.append(registry.source_file(kind, name_of(choice)))
    return tuple(dict.fromkeys(file for file in files if file is not None))


# -------------------------------------------------------------------------- to JSON and back

T = TypeVar("T")


@dataclass(frozen=True)
class _Choice:
    """The kind of a component, and the JSON key in its settings that contains its name."""

    key: str
    kind: registry.Kind


_CHOICES: dict[type, _Choice] = {
    ModelConfig: _Choice("family", "family"),
    TrunkConfig: _Choice("kind", "trunk"),
    PriorConfig: _Choice("kind", "prior"),
    AdversarialLossConfig: _Choice("kind", "adversarial_loss"),
}


def to_dict(config: object) -> dict[str, Any]:
    """Convert a configuration to plain JSON values."""
    return dataclasses.asdict(config)  # pyright: ignore[reportArgumentType]  a dataclass


def from_dict(kind: type[T], values: object, where: str = "config") -> T:
    """Build a dataclass from JSON values.

    Arguments:
        kind: The dataclass, for instance `Config`.
        values: What `to_dict` returned.
        where: Name of the values in error messages.

    Raises:
        UserError: A key is unknown or missing, a value has the wrong type or is out of range
            (code "invalid-setting"), or it names a component that is not registered (code
            "unknown-component").
    """
    _require(isinstance(values, dict), f"{where} is {values!r}; it must be an object with keys.")
    settings = typing.cast(dict[str, Any], values)
    hints = {
        name: hint
        for name, hint in typing.get_type_hints(kind).items()
        if typing.get_origin(hint) is not ClassVar
    }
    for key in settings:
        _require(key in hints, f"{where} has no key '{key}'.{did_you_mean(key, hints)}")
    converted = {k: _convert(hints[k], v, f"{where}.{k}") for k, v in settings.items()}
    try:
        return kind(**converted)
    except TypeError as error:  # a key without a default is missing
        raise UserError(f"{where} is incomplete: {error}.", code="invalid-setting") from None


def _convert(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401  JSON has no one type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        known = ", ".join(repr(a) for a in arguments)
        _require(value in arguments, f"{where} is {value!r}; it must be one of {known}.")
        return value
    if origin in (types.UnionType, typing.Union):  # a component: its name, or its settings
        if isinstance(value, str) and str in arguments:
            return value
        return _convert(arguments[-1], value, where)
    if origin is tuple:
        _require(isinstance(value, list | tuple), f"{where} is {value!r}; it must be a list.")
        length = len(arguments)
        _require(
            arguments[-1] is ... or len(value) == length,
            f"{where} has {len(value)} values; it must have {length}.",
        )
        return tuple(_convert(arguments[0], v, where) for v in value)
    if hint in _CHOICES:
        return _component_settings(_CHOICES[hint], value, where)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is float and whole and abs(value) <= sys.float_info.max:
        return float(value)
    fits = isinstance(value, hint) and not (hint is not bool and isinstance(value, bool))
    _require(fits, f"{where} is {value!r}; it must be a {hint.__name__}.")
    return value


def component_from_dict(kind: type[T], values: object, where: str = "settings") -> T:
    """Build the settings of a component from JSON values.

    Arguments:
        kind: The base class of the settings, for instance `PriorConfig`.
        values: An object with the component's name and its settings.
        where: Name of the values in error messages.

    Raises:
        UserError: As for `from_dict`.
    """
    return typing.cast(T, _component_settings(_CHOICES[kind], values, where))


def _component_settings(choice: _Choice, value: Any, where: str) -> Any:  # noqa: ANN401
    name = value.get(choice.key) if isinstance(value, dict) else None
    _require(
        isinstance(name, str),
        f"{where}.{choice.key} is {name!r}; it must be the name of a {choice.kind}.",
    )
    settings = registry.settings_type(choice.kind, typing.cast(str, name))
    _require(
        settings is not None,
        f"{where}: the {choice.kind} '{name}' has no settings; give only its name.",
    )
    return from_dict(typing.cast(type, settings), value, where)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their full names, as on the command line: train.steps."""
    settings: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            settings |= flat(value, f"{prefix}{key}.")
        else:
            settings[prefix + key] = value
    return settings
