"""No response of another kind gains twice what the protocol reports."""

import pytest

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import Data
from latentarium.evaluation.game_protocol import GameProtocol
from latentarium.models.base import LatentModel
from latentarium.training import train
from support.adversary import strongest_gains
from support.tiny import tiny_data


def require_at_most_twice(
    model: LatentModel, data: Data, *, response_steps: int, moves: int, batch_size: int
) -> None:
    protocol = GameProtocol.of(model, data, seed=0, response_steps=response_steps)
    reported = {gain.player: gain.gain for gain in protocol.measure(model, data).gains}
    other = strongest_gains(model, data, protocol, moves=moves, batch_size=batch_size)
    assert other.keys() == reported.keys()
    assert sum(other.values()) > 0  # else the other responses would be no test
    for player, gain in other.items():
        assert gain < 2 * reported[player], (player, gain, reported)


@pytest.mark.parametrize("preset", ["gan_debug", "cgan_debug", "ae_debug", "vae_debug"])
def test_no_other_response_of_a_tiny_model_gains_twice_as_much(preset, tmp_path):
    data = tiny_data()
    model = train(presets.get(preset), tmp_path / "r", data).load()
    require_at_most_twice(model, data, response_steps=24, moves=24, batch_size=32)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [64, 256])
def test_no_other_response_of_the_tours_gan_gains_twice_as_much(batch_size, tour_gan):
    data = la.load_data("mnist")
    require_at_most_twice(tour_gan, data, response_steps=200, moves=200, batch_size=batch_size)


@pytest.fixture(scope="module")
def tour_gan(tmp_path_factory) -> LatentModel:
    """The GAN of the tour."""
    return train(presets.gan_mnist(), tmp_path_factory.mktemp("tour") / "gan").load()
