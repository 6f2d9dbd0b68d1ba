"""Published protocols, run over seeds and compared with the published results."""

from latentarium.bench import benches as _benches  # noqa: F401  registers them
