"""Settings of the model families."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from latentarium import registry
from latentarium.config.components import (
    MAX_WIDTH,
    Activation,
    AdversarialLossConfig,
    ComponentConfig,
    LikelihoodConfig,
    NetConfig,
    ObjectiveConfig,
    PriorConfig,
    TrunkConfig,
    binary_likelihood,
    component_kind,
    labelled_prior,
    name_of,
    require_known,
)
from latentarium.config.family import LatentDim, ModelConfig, Weight
from latentarium.config.limits import Range
from latentarium.config.training import OptimizerConfig
from latentarium.config.validation import field_hints, require
from latentarium.texts import Text

HIERARCHICAL = "hierarchical VAE"


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(ModelConfig):
    """An autoencoder or a VAE. They differ only in the posterior that `encode` returns."""

    family: Literal["autoencoder"] = "autoencoder"
    latent_dim: LatentDim = 16
    """Number of dimensions of the latent space."""
    posterior: Literal["point", "gaussian"] = "gaussian"
    """point: an autoencoder; gaussian: a VAE, whose encoder gives a mean and a variance."""
    prior: str | PriorConfig = "standard_normal"
    """standard_normal: N(0, I); class_gaussian: a learned Gaussian for each class; mixture: a
    learned mixture of Gaussians; vampprior: Tomczak and Welling, 2018; flow: a normalizing flow.
    """
    likelihood: str | LikelihoodConfig = "bernoulli"
    """bernoulli: pixels in [0, 1] as probabilities; gaussian: real-valued pixels with a fixed
    standard deviation; discretized_logistic: the 256 values of 8-bit pixels, with a learned scale
    (Kingma et al., 2016; Salimans et al., 2017)."""
    likelihood_std: Annotated[float, Range(above=0)] = 0.1
    """Standard deviation of the Gaussian likelihood, in units of x in [-1, 1]."""
    objective: str | ObjectiveConfig = "elbo"
    """What a VAE maximizes: elbo: the evidence lower bound; importance_weighted: a tighter bound
    (Burda et al., 2016); free_bits: the ELBO, in which a small KL term costs nothing (Kingma et
    al., 2016)."""
    beta: Weight = 1.0
    """Weight of the KL term (Higgins et al., 2017); 1 gives the ELBO."""
    kl_warmup_steps: Annotated[int, Range(low=0)] = 0
    """Number of first steps in which the weight of the KL term rises from 0 to beta (Bowman et
    al., 2016; Sønderby et al., 2016)."""
    noise_std: Weight = 0.0
    """Standard deviation of Gaussian noise added to the encoder's input during training; a value
    above 0 gives a denoising autoencoder (Vincent et al., 2008)."""
    binarize: bool = False
    """Whether to binarize each training image at random whenever it is used, with its grey values
    as probabilities (dynamic binarization; Burda et al., 2016). Needs likelihood 'bernoulli'."""
    conditional: bool = False
    """Whether encoder and decoder take the label (conditional VAE; Sohn et al., 2015)."""
    encoder_range: Literal["signed", "unit"] = "signed"
    """Range of the pixels that enter the encoder's network: signed: [-1, 1]; unit: [0, 1], in
    which black pixels are 0 and add nothing."""
    encoder: TrunkConfig = field(default_factory=NetConfig)
    decoder: TrunkConfig = field(default_factory=NetConfig)

    def check(self) -> None:
        super().check()
        require_known("prior", self.prior, "prior")
        require_known("likelihood", self.likelihood, "likelihood")
        require_known("objective", self.objective, "objective")
        require(
            self.posterior == "gaussian" or name_of(self.prior) == "standard_normal",
            Text(
                "prior is '{prior}' and posterior is 'point': a point has no KL divergence "
                "from a prior. Set posterior to 'gaussian', or prior to 'standard_normal'.",
                prior=name_of(self.prior),
            ),
        )
        require(
            not self.conditional or name_of(self.prior) != "vampprior",
            "prior is 'vampprior' and conditional is True: the pseudo-inputs of a VampPrior have "
            "no labels to encode them with. Set conditional to False, or choose another prior.",
        )
        require(
            self.posterior == "gaussian" or name_of(self.objective) == "elbo",
            Text(
                "objective is '{objective}' and posterior is 'point', which has no "
                "density. Set posterior to 'gaussian', or objective to 'elbo'.",
                objective=name_of(self.objective),
            ),
        )
        require(
            self.posterior == "gaussian" or self.kl_warmup_steps == 0,
            Text(
                "kl_warmup_steps is {kl_warmup_steps} and posterior is 'point', which has "
                "no KL term. Set posterior to 'gaussian', or kl_warmup_steps to 0.",
                kl_warmup_steps=self.kl_warmup_steps,
            ),
        )
        require(
            not self.binarize or binary_likelihood(self.likelihood),
            Text(
                "binarize is True and likelihood is '{likelihood}': set likelihood to "
                "'bernoulli', or binarize to False.",
                likelihood=name_of(self.likelihood),
            ),
        )

    @property
    def kind(self) -> str:
        name = "VAE" if self.posterior == "gaussian" else "autoencoder"
        return f"conditional {name}" if self.takes_label else name

    @property
    def takes_label(self) -> bool:
        return self.conditional or labelled_prior(self.prior)

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
    def trained_with_prior(self) -> bool:
        return self.posterior == "gaussian"

    @property
    def loss_name(self) -> str:
        return f"{name_of(self.likelihood)}-{self.posterior}"


@dataclass(frozen=True, kw_only=True)
class HierarchicalConfig(AutoencoderConfig):
    """A VAE with two levels of latents (Tomczak and Welling, 2018)."""

    family: Literal["hierarchical_vae"] = (  # pyright: ignore[reportIncompatibleVariableOverride]
        "hierarchical_vae"
    )
    latent_dim: LatentDim = 80
    """Number of dimensions of both levels together."""
    upper_dim: LatentDim = 40
    """Number of dimensions of the upper level; `prior` is the prior of this level."""
    width: Annotated[int, Range(1, MAX_WIDTH)] = 256
    """Units of the hidden layers between the levels."""
    activation: Activation = "leaky_relu"
    """Activation of these layers, as in `encoder` and `decoder`."""

    def check(self) -> None:
        super().check()
        require(
            self.upper_dim < self.latent_dim,
            Text(
                "upper_dim is {upper_dim} and latent_dim is {latent_dim}, which leaves no "
                "dimension for the lower level: set upper_dim to less than latent_dim.",
                upper_dim=self.upper_dim,
                latent_dim=self.latent_dim,
            ),
        )
        require(
            self.posterior == "gaussian",
            "posterior is 'point', and a hierarchical VAE needs 'gaussian': leave posterior out.",
        )

    @property
    def kind(self) -> str:
        return f"conditional {HIERARCHICAL}" if self.takes_label else HIERARCHICAL


@dataclass(frozen=True, kw_only=True)
class GANConfig(ModelConfig):
    """A GAN: a generator and a discriminator. With `conditional`, both take the label."""

    family: Literal["gan"] = "gan"
    latent_dim: LatentDim = 64
    """Number of dimensions of z, which is drawn from N(0, I)."""
    loss: str | AdversarialLossConfig = "relativistic"
    """relativistic: pairs of a real and a generated image (Jolicoeur-Martineau, 2018; Huang et
    al., 2025); non_saturating: Goodfellow et al., 2014; hinge: Lim and Ye, 2017."""
    r1: Weight = 1.0
    """Weight gamma of the penalty gamma/2 |grad D|^2 on real images."""
    r2: Weight = 1.0
    """Weight gamma of the penalty gamma/2 |grad D|^2 on generated images."""
    penalty_every: Annotated[int, Range(1, 1000)] = 1
    """Number of training steps from one gradient penalty to the next. The penalty of such a step
    counts for all of them (Karras et al., 2020), which saves time."""
    conditional: bool = False
    """Whether the generator (embedding) and the discriminator (projection) take the label."""
    wrong_label_weight: Weight = 0.0
    """Weight of the matching-aware term: the discriminator learns to refuse real images under a
    wrong label (Reed et al., 2016). Needs `conditional`."""
    bounded: bool = True
    """True: a tanh keeps generated images in [-1, 1], the range of pixels. False: the output is
    unbounded, for points in the plane, because a tanh saturates near its bounds."""
    generator: TrunkConfig = field(default_factory=NetConfig)
    discriminator: TrunkConfig = field(default_factory=NetConfig)

    def check(self) -> None:
        super().check()
        require_known("adversarial_loss", self.loss, "loss")
        require(
            self.conditional or self.wrong_label_weight == 0,
            Text(
                "wrong_label_weight is {wrong_label_weight} and conditional is False: set "
                "conditional to True, or the weight to 0.",
                wrong_label_weight=self.wrong_label_weight,
            ),
        )
        norm = getattr(self.discriminator, "norm", "none")
        require(
            norm == "none" or (self.r1 == 0 and self.r2 == 0),
            Text(
                "discriminator.norm is '{norm}', but with a gradient penalty each logit "
                "must depend on one image only: set discriminator.norm to 'none', or r1 "
                "and r2 to 0.",
                norm=norm,
            ),
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


def component_files(config: ModelConfig) -> tuple[str, ...]:
    """Return the paths of the files outside the package that define components of a model."""
    files = [registry.source_file("family", config.family)]
    files += [registry.source_file("trunk", trunk.kind) for trunk in config.trunks.values()]
    for name, hint in field_hints(type(config)).items():
        kind, choice = component_kind(hint), getattr(config, name)
        if kind is not None and isinstance(choice, str | ComponentConfig):
            files.append(registry.source_file(kind, name_of(choice)))
    return tuple(dict.fromkeys(file for file in files if file is not None))


registry.register_settings("family", "autoencoder", AutoencoderConfig)
registry.register_settings("family", "hierarchical_vae", HierarchicalConfig)
registry.register_settings("family", "gan", GANConfig)
