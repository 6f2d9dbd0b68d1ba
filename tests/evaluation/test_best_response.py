"""The search for best responses, on players whose best responses are known."""

import pytest
import torch
from torch import nn

from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.data.dataset import Split
from latentarium.evaluation.best_response import Search, last_layers
from latentarium.evaluation.duality_gap import estimate_duality_gap
from latentarium.models.build import build
from latentarium.models.game import Loss, Player
from support.tiny import ModelStub, tiny_data
from support.toy_games import Number, TwoNumbers, measure

TINY_RATE = OptimizerConfig(learning_rate=1e-9)


class OneNumber(ModelStub):
    """A player with one number, whose loss depends on the images and the number."""

    def __init__(self, value: float, formula) -> None:
        super().__init__(presets.gan_debug().model, tiny_data().card)
        self.number, self.formula = Number(value), formula

    def players(self):
        loss = lambda batch, noise: Loss(self.formula(batch.x, self.number.value), {})  # noqa: E731
        return [Player("only", self.number, loss)]


class OneLayer(ModelStub):
    """A player whose loss is the squared error of the scale of its only layer."""

    def __init__(self, factor: float) -> None:
        super().__init__(presets.gan_debug().model, tiny_data().card)
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.layer.weight, factor)

    def players(self):
        ones = torch.ones(1, 1)
        loss = lambda batch, noise: Loss((self.layer(ones) - 1).square().mean(), {})  # noqa: E731
        return [Player("layer", self.layer, loss)]


def gap_of(model, optimizer=TINY_RATE, **settings):
    data = tiny_data()
    return estimate_duality_gap(
        model, data.train, data.validation,
        **{"optimizer": optimizer, "response_steps": 8, "batch_size": 5, "num_batches": 2}
        | settings,
    )  # fmt: skip


@pytest.mark.parametrize("factor", [0.5, 0.96, 1.1, 2.0])
def test_a_wrong_scale_of_the_last_layer_is_found_without_training(factor):
    gain = gap_of(OneLayer(factor)).gains[0]
    assert gain.scale == pytest.approx(1 / factor, rel=0.02)
    assert gain.before == pytest.approx((factor - 1) ** 2, rel=1e-4)
    assert gain.after < 0.02 * gain.before
    assert gain.at_least > 0.9 * gain.before


def test_the_last_layer_is_rescaled_if_every_step_of_training_is_too_large():
    gain = gap_of(OneLayer(0.96), OptimizerConfig(learning_rate=1e3)).gains[0]
    assert gain.steps == 0
    assert gain.gain > 0.9 * gain.before


@pytest.mark.parametrize(
    ("preset", "names"),
    [
        ("gan_debug", {"discriminator": ["realism"], "generator": ["trunk"]}),
        ("cgan_debug", {"discriminator": ["realism", "embed"], "generator": ["trunk"]}),
    ],
)
def test_the_last_layers_scale_the_logits_and_the_image(preset, names):
    model = build(presets.get(preset).model, tiny_data().card).eval()
    data = tiny_data()
    y = data.train.labels[:4] if model.takes_label else None  # pyright: ignore
    z, x = torch.randn(4, model.latent_dim), torch.randn(4, 1, 12, 10).clamp(-1, 1)
    logits, images = model.discriminate(x, y), model.decode(z, y).atanh()
    for player in model.players():
        layers = last_layers(player)
        assert len(layers) == len(names[player.name])
        with torch.no_grad():
            for layer in layers:
                for parameter in layer.parameters():
                    parameter.mul_(0.5)
    assert torch.allclose(model.discriminate(x, y), 0.5 * logits, atol=1e-6)
    unsaturated = images.abs() < 2
    halved = model.decode(z, y).atanh()[unsaturated]
    assert torch.allclose(halved, 0.5 * images[unsaturated], atol=1e-4)


def test_a_player_without_layers_is_not_rescaled():
    assert last_layers(TwoNumbers(1.0, 1.0, lambda a, b: a, lambda a, b: b).players()[0]) == []
    player = Player(
        "p", nn.Sequential(nn.ReLU()), lambda batch, noise: Loss(torch.tensor(0.0), {})
    )
    assert last_layers(player) == []


@pytest.mark.parametrize("rate", [1e-3, 0.03, 1.0, 30.0])
def test_a_distant_and_a_close_minimum_are_found_whatever_the_training_rate(rate):
    """The training rate may be ten times too large or too small."""
    model = OneNumber(0.0, lambda x, a: (a - 100 * rate).square() / rate**2)
    gain = measure(model, OptimizerConfig(learning_rate=rate, beta1=0.0, beta2=0.9), steps=200)
    assert gain.total == pytest.approx(100**2, rel=0.01)
    model = OneNumber(0.0, lambda x, a: (a - rate / 3).abs() / rate)
    gain = measure(model, OptimizerConfig(learning_rate=rate, beta1=0.0, beta2=0.9), steps=200)
    assert gain.total == pytest.approx(1 / 3, rel=0.2)


def test_a_response_whose_loss_is_not_finite_is_no_response():
    def loss(x, a):
        return torch.log(1 - a) if bool(a < 0.5) else a * torch.inf

    gain = measure(OneNumber(0.0, loss), OptimizerConfig(learning_rate=0.05), steps=40).gains[0]
    assert 0.3 < gain.gain < torch.log(torch.tensor(2.0))


def test_without_moves_nothing_is_gained():
    gap = gap_of(OneLayer(0.5), response_steps=0)
    assert (gap.total, gap.at_least, gap.gains[0].scale) == (0, 0, 1)


def test_lengths_and_batches_grow_up_to_the_number_of_moves():
    searches = [Search(steps=k, batch_size=64, optimizer=TINY_RATE) for k in (0, 1, 5, 200)]
    assert [s.lengths for s in searches] == [[], [1], [1, 5], [25, 50, 200]]
    assert searches[-1].batch_sizes(10_000) == [64, 256, 256]
    assert searches[-1].batch_sizes(200) == [64, 200, 200]
    assert searches[1].batch_sizes(10_000) == [256]


def test_the_choice_is_not_measured_on_the_images_that_it_was_made_on():
    """The loss is linear in the number, with a slope that is 0 on average. Whatever is chosen,
    nothing can be gained, and a bound above 0 is an error of 1 in 20."""
    errors, gains, chosen = 0, [], 0
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        splits = [
            Split(torch.randint(0, 256, (256, 1, 1, 1), generator=generator).byte(), None)
            for _ in range(2)
        ]
        model = OneNumber(0.0, lambda x, a: a * x.mean())
        gap = estimate_duality_gap(
            model, *splits, optimizer=OptimizerConfig(learning_rate=0.1), response_steps=2,
            batch_size=16, num_batches=8, seed=seed,
        )  # fmt: skip
        gain = gap.gains[0]
        chosen += gain.steps > 0
        errors += gap.at_least > 0
        gains.append(gain.before - gain.after)
    assert chosen > 15  # a better response on the images of the choice
    assert errors <= 7  # of 40; 2 are expected, and more than 7 have a probability below 0.001
    gains = torch.tensor(gains)
    assert float(gains.mean().abs()) < 3 * float(gains.std()) / len(gains) ** 0.5


@pytest.mark.parametrize("longest", [160, 80])
def test_only_long_responses_skip_terms_as_the_training_does(longest):
    seen = []

    class Recording(OneNumber):
        def players(self):
            def loss(batch, noise):
                seen.append((batch.step, batch.move))
                return Loss(self.number.value.square(), {})

            return [Player("only", self.number, loss)]

    gap_of(
        Recording(1.0, None), OptimizerConfig(learning_rate=1e-4), response_steps=longest,
    )  # fmt: skip
    assert {step for step, _ in seen} == {None}  # no warm-up starts again
    moves = {move for _, move in seen}
    # a measurement has all terms, and so has each move up to the second length, 1/4 of the longest
    assert moves == ({None, *range(40, 160)} if longest == 160 else {None})
