"""The base class of the settings of model families."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from latentarium.config.components import TrunkConfig, require_settings_of
from latentarium.config.limits import NOT_EMPTY, Range
from latentarium.config.training import OptimizerConfig
from latentarium.config.validation import Settings

LatentDim = Annotated[int, Range(1, 1_000_000)]
Weight = Annotated[float, Range(low=0)]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Settings):
    """Base class of the settings of model families.

    The properties state what models of the family can do. The rest of the package checks these
    properties, never the family. A family overrides each property whose default is wrong for it.
    """

    family: Annotated[str, NOT_EMPTY]
    """Registered name of the family."""
    latent_dim: LatentDim
    """Number of dimensions of the latent space."""

    def check(self) -> None:
        for name, trunk in self.trunks.items():
            require_settings_of("trunk", trunk.kind, trunk, name)

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
    def trained_with_prior(self) -> bool:
        """Whether training relates the latents to the prior; False for an autoencoder, whose
        latents can follow any distribution."""
        return True

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
