"""Configuration is data: frozen dataclasses that go to JSON and come back, checked on the way.

Nothing here imports torch, so that `--help` is quick. Each field says its meaning and its unit
below it; a value that can't work raises a `UserError` that says the mend.
"""

import dataclasses
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from latentarium.errors import UserError, did_you_mean


def require_seed(seed: int) -> None:
    """Checks that every generator of random numbers takes this seed.

    Raises:
        UserError: It does not lie between 0 and 2^32 - 1.
    """
    _require(0 <= seed < 2**32, f"seed is {seed}; give 0 to {2**32 - 1}.")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise UserError(sentence)


@dataclass(frozen=True, kw_only=True)
class NetConfig:
    """A trunk: the network between an image and its features, in either direction."""

    kind: Literal["mlp", "conv"] = "conv"
    """mlp: fully connected layers on the flattened image; conv: strided convolutions."""
    width: int = 32
    """mlp: units in a hidden layer; conv: channels of the finest stage (each coarser one has
    twice as many)."""
    depth: int = 2
    """mlp: hidden layers; conv: convolutions in a stage."""
    hidden: int = 0
    """conv: units of a dense layer between the coarsest stage and the latent; 0: none."""
    norm: Literal["none", "batch"] = "none"
    """Normalization after each hidden layer."""
    fourier: float = 0.0
    """mlp: above 0, random sines and cosines of the input enter beside it, so that the network
    learns fine detail in few dimensions sooner (Tancik et al., 2020); their frequencies are normal
    with this standard deviation, in cycles per unit of input. 0: none."""

    def __post_init__(self) -> None:
        _require(self.width >= 1, f"width is {self.width}; give at least 1.")
        _require(self.depth >= 1, f"depth is {self.depth}; give at least 1.")
        _require(self.hidden >= 0, f"hidden is {self.hidden}; give 0 for no such layer, or more.")
        _require(self.fourier >= 0, f"fourier is {self.fourier}; give 0 for none, or more.")
        _require(
            self.fourier == 0 or self.kind == "mlp",
            "fourier needs a flat input, which kind 'conv' has not: set kind to 'mlp', or fourier "
            "to 0.",
        )


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """An autoencoder or a VAE; they differ only in the posterior that `encode` returns."""

    family: Literal["autoencoder"] = "autoencoder"
    latent_dim: int = 16
    """Dimensions of the latent space."""
    posterior: Literal["point", "gaussian"] = "gaussian"
    """point: an autoencoder; gaussian: a VAE, whose encoder gives a mean and a variance."""
    prior: Literal["standard_normal", "class_gaussian"] = "standard_normal"
    """standard_normal: N(0, I); class_gaussian: each class has its own learned Gaussian."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """bernoulli: pixels in [0, 1] as probabilities; gaussian: real pixels, fixed deviation."""
    likelihood_std: float = 0.1
    """Standard deviation of the Gaussian likelihood, in units of x in [-1, 1]."""
    beta: float = 1.0
    """Weight of the KL term (Higgins et al., 2017); 1 is the ELBO."""
    noise_std: float = 0.0
    """Deviation of Gaussian noise added to the encoder's input while training: above 0 it is a
    denoising autoencoder (Vincent et al., 2008)."""
    binarize: bool = False
    """True: each time an image is trained on, its pixels are drawn anew, on or off, with their
    grey values as probabilities (dynamic binarization; Burda et al., 2016). Needs likelihood
    'bernoulli'."""
    conditional: bool = False
    """True: the label enters encoder and decoder (a conditional VAE; Sohn et al., 2015)."""
    encoder: NetConfig = field(default_factory=NetConfig)
    decoder: NetConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        _require(self.latent_dim >= 1, f"latent_dim is {self.latent_dim}; give at least 1.")
        _require(self.beta >= 0, f"beta is {self.beta}; give 0 or more.")
        _require(self.noise_std >= 0, f"noise_std is {self.noise_std}; give 0 or more.")
        _require(
            self.likelihood_std > 0, f"likelihood_std is {self.likelihood_std}; give more than 0."
        )
        _require(
            not (self.posterior == "point" and self.prior == "class_gaussian"),
            "A class Gaussian prior needs posterior 'gaussian': a point has no KL to a prior.",
        )
        _require(
            not self.binarize or self.likelihood == "bernoulli",
            "binarize draws pixels that are on or off, which likelihood 'gaussian' does not mean: "
            "set likelihood to 'bernoulli', or binarize to False.",
        )

    @property
    def uses_labels(self) -> bool:
        """True where training needs a label for each image."""
        return self.conditional or self.prior == "class_gaussian"


@dataclass(frozen=True, kw_only=True)
class GANConfig:
    """A generator against a discriminator; with `conditional`, both see the label."""

    family: Literal["gan"] = "gan"
    latent_dim: int = 64
    """Dimensions of z, drawn from N(0, I)."""
    loss: Literal["relativistic", "non_saturating", "hinge"] = "relativistic"
    """relativistic: each real is paired with a fake (Jolicoeur-Martineau, 2018; Huang et al.,
    2025); non_saturating: Goodfellow et al., 2014; hinge: Lim and Ye, 2017."""
    r1: float = 1.0
    """Weight gamma of the penalty gamma/2 |grad D|^2 on real images, each step."""
    r2: float = 1.0
    """The same on generated images."""
    conditional: bool = False
    """True: the label enters the generator (embedding) and the discriminator (projection)."""
    wrong_label_weight: float = 0.0
    """Weight of the matching-aware term: real images under a wrong label count as refused
    (Reed et al., 2016). Needs `conditional`."""
    bounded: bool = True
    """True: a tanh keeps what is generated in [-1, 1], as pixels need; False: no bound, for points
    in the plane, since near its bounds a tanh hardly answers to its input."""
    generator: NetConfig = field(default_factory=NetConfig)
    discriminator: NetConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        _require(self.latent_dim >= 1, f"latent_dim is {self.latent_dim}; give at least 1.")
        _require(self.r1 >= 0, f"r1 is {self.r1}; give 0 or more.")
        _require(self.r2 >= 0, f"r2 is {self.r2}; give 0 or more.")
        _require(
            self.wrong_label_weight >= 0,
            f"wrong_label_weight is {self.wrong_label_weight}; give 0 or more.",
        )
        _require(
            self.conditional or self.wrong_label_weight == 0,
            "wrong_label_weight needs labels: set conditional to True, or the weight to 0.",
        )
        _require(
            self.discriminator.norm == "none" or (self.r1 == 0 and self.r2 == 0),
            "Batch normalization in the discriminator mixes samples, so a gradient penalty has "
            "no per-sample meaning: set discriminator.norm to 'none', or r1 and r2 to 0.",
        )

    @property
    def uses_labels(self) -> bool:
        """True where training needs a label for each image."""
        return self.conditional


ModelConfig = AutoencoderConfig | GANConfig


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam (Kingma and Ba, 2015), one for each player, with a schedule over steps."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 0
    """Steps over which the rate rises from 0."""
    decay: Literal["constant", "cosine"] = "cosine"
    """cosine: the rate falls to `final_fraction` of its value at the last step."""
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        _require(
            self.learning_rate > 0, f"learning_rate is {self.learning_rate}; give more than 0."
        )
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"{name} is {value}; give a value from 0 to below 1.")
        _require(self.warmup_steps >= 0, f"warmup_steps is {self.warmup_steps}; give 0 or more.")
        _require(
            0 <= self.final_fraction <= 1,
            f"final_fraction is {self.final_fraction}; give a value from 0 to 1.",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, on what, and what is kept on the way."""

    data: str = "mnist"
    """What to train on, as `load_data` takes it."""
    image_size: int = 0
    """Side of the square that pictures are fitted to; 0: as they are, or 64 where they differ."""
    steps: int = 2000
    """Rounds of the game; in each, every player moves once."""
    batch_size: int = 128
    """Images that one player sees in one move."""
    seed: int = 0
    """All randomness is a function of (seed, step)."""
    ema_halflife: int = 0
    """Half-life of the weights' moving average, in images; 0: no average."""
    log_every: int = 50
    """Steps between rows of log.jsonl."""
    sample_every: int = 500
    """Steps between fixed-z sample grids; 0: none."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    snapshots: int = 0
    """Weights kept for the time machine, spaced evenly in log(step); 0: none."""
    device: str = "auto"
    """auto: a GPU if there is one, else the CPU; or a torch device name."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: layers compute in it while training (mixed precision); weights, losses and all
    that is measured stay float32. Faster where the processor has units for it."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "log_every", "checkpoint_every"):
            value = getattr(self, name)
            _require(value >= 1, f"{name} is {value}; give at least 1.")
        for name in ("sample_every", "snapshots", "ema_halflife", "image_size"):
            value = getattr(self, name)
            _require(value >= 0, f"{name} is {value}; give 0 or more.")
        require_seed(self.seed)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that defines a run. The same Config and data give the same weights."""

    name: str = ""
    """The preset's name, for people."""
    model: ModelConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What a model must know of the data it was trained on, so that it can be used without it."""

    source: str
    fingerprint: str
    """sha256 over pixels and labels."""
    image_shape: tuple[int, int, int]
    """Channels, height, width."""
    classes: tuple[str, ...] = ()
    """Names of the classes in label order; empty where there are no labels."""


# --------------------------------------------------------------------------- to JSON and back

T = TypeVar("T")


def to_dict(config: object) -> dict[str, Any]:
    """Turns a configuration into plain JSON values."""
    return dataclasses.asdict(config)  # pyright: ignore[reportArgumentType]  a dataclass


def from_dict(kind: type[T], values: object, where: str = "config") -> T:
    """Builds `kind` from JSON values; an unknown key or a wrong type is a `UserError`."""
    _require(isinstance(values, dict), f"{where} must be an object with keys, not {values!r}.")
    given = typing.cast(dict[str, Any], values)
    hints = typing.get_type_hints(kind)
    for key in given:
        _require(key in hints, f"{where} has no key '{key}'.{did_you_mean(key, hints)}")
    converted = {k: _convert(hints[k], v, f"{where}.{k}") for k, v in given.items()}
    try:
        return kind(**converted)
    except TypeError as error:  # a key without default is missing
        raise UserError(f"{where} is incomplete: {error}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401  JSON has no one type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        known = ", ".join(repr(a) for a in arguments)
        _require(value in arguments, f"{where} is {value!r}; give one of {known}.")
        return value
    if origin in (types.UnionType, typing.Union):  # a model: its `family` says which
        families = {a.__dataclass_fields__["family"].default: a for a in arguments}
        family = value.get("family") if isinstance(value, dict) else None
        _require(
            family in families,
            f"{where}.family is {family!r}; give one of {', '.join(map(repr, families))}.",
        )
        return from_dict(families[family], value, where)
    if origin is tuple:
        _require(isinstance(value, list | tuple), f"{where} must be a list, not {value!r}.")
        wanted = len(arguments)
        _require(
            arguments[-1] is ... or len(value) == wanted,
            f"{where} must have {wanted} values, not {len(value)}.",
        )
        return tuple(_convert(arguments[0], v, where) for v in value)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is float and whole and abs(value) <= sys.float_info.max:
        return float(value)
    fits = isinstance(value, hint) and not (hint is not bool and isinstance(value, bool))
    _require(fits, f"{where} must be a {hint.__name__}, not {value!r}.")
    return value


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their full name, as the command line takes them: train.steps."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
