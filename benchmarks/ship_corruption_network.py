"""Train the corruption network of MNIST that ships with the package.

python benchmarks/ship_corruption_network.py    # about 2 minutes on one core
"""

from pathlib import Path

import torch

import latentarium as la
from latentarium.latent.corruption_lookup import train
from latentarium.latent.corruption_network import save_network
from latentarium.progress import reported_parts

OUT = Path(__file__).parent.parent / "src/latentarium/latent/mnist/corruption.safetensors"


def main() -> None:
    """Train and save the network."""
    torch.set_num_threads(1)
    data = la.load_data("mnist")
    with reported_parts("train the network") as report:
        network = train(data, progress=report)
    save_network(network, OUT, fingerprint=data.card.fingerprint)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
