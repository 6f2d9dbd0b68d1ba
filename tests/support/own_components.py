"""Files that register components, as a user writes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latentarium import registry

OWN_PRIOR = """
from dataclasses import dataclass
import latentarium as la
from latentarium.distributions import StandardNormal

@dataclass(frozen=True, kw_only=True)
class ShiftedConfig(la.PriorConfig):
    kind: str = "{name}"
    shift: float = 0.5

@la.register("prior", "{name}", settings=ShiftedConfig)
class Shifted(StandardNormal):
    def __init__(self, latent_dim, num_classes, settings):
        super().__init__(latent_dim)
        self.shift = settings.shift
"""
OWN_TRUNK = """
from dataclasses import dataclass
import latentarium as la
from latentarium.config import NetConfig
from latentarium.nn.mlp import MLPDecoder, MLPEncoder

@dataclass(frozen=True, kw_only=True)
class OneLayerConfig(la.TrunkConfig):
    kind: str = "{name}"
    units: int = 8

@la.register("trunk", "{name}", settings=OneLayerConfig)
class OneLayer(la.Trunk):
    @staticmethod
    def encoder(config, image_shape, extra=0):
        return MLPEncoder(NetConfig(kind="mlp", width=config.units, depth=1), image_shape, extra)

    @staticmethod
    def decoder(config, num_inputs, image_shape):
        net = NetConfig(kind="mlp", width=config.units, depth=1)
        return MLPDecoder(net, num_inputs, image_shape)
"""
OWN_LOSS = """
import latentarium as la
from latentarium.objectives.adversarial import Hinge

@la.register("adversarial_loss", "{name}")
class OwnHinge(Hinge):
    pass
"""
OWN_LIKELIHOOD = """
from dataclasses import dataclass
import latentarium as la
from latentarium.distributions import Gaussian

@dataclass(frozen=True, kw_only=True)
class OwnConfig(la.LikelihoodConfig):
    kind: str = "{name}"
    width: float = 0.5

@la.register("likelihood", "{name}", settings=OwnConfig)
class Own(Gaussian):
    name = "{name}"
    outputs_per_value = 2

    def __init__(self, settings):
        super().__init__(settings.width)

    @classmethod
    def build(cls, settings, std):
        return cls(settings)

    def mean(self, output):
        return output.chunk(2, 1)[0]

    def nll(self, output, x):
        return super().nll(self.mean(output), x)

    def protocol(self, binary):
        return "other-{name}"
"""
OWN_OBJECTIVE = """
import latentarium as la
from latentarium.objectives.variational import NegativeELBO

@la.register("objective", "{name}")
class Own(NegativeELBO):
    pass
"""
SOURCES: dict[registry.Kind, str] = {
    "prior": OWN_PRIOR,
    "trunk": OWN_TRUNK,
    "adversarial_loss": OWN_LOSS,
    "likelihood": OWN_LIKELIHOOD,
    "objective": OWN_OBJECTIVE,
}


@contextmanager
def component_file(kind: registry.Kind, folder: Path, name: str) -> Iterator[Path]:
    """Write a file that registers a component when imported; unregister it afterwards."""
    path = folder / f"{name}.py"
    path.write_text(SOURCES[kind].format(name=name))
    try:
        yield path
    finally:
        unregister(kind, name)


def unregister(kind: registry.Kind, name: str) -> None:
    """Forget a component, as a new process does."""
    registry._entries[kind].pop(name, None)
    registry._settings[kind].pop(name, None)
