"""Settings are checked by their annotations, in Python and from JSON alike."""

import enum
import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import latentarium as la
from latentarium import presets
from latentarium.config import (
    AutoencoderConfig,
    Config,
    DataCard,
    NetConfig,
    OptimizerConfig,
    PriorConfig,
    Range,
    TrainConfig,
    TrunkConfig,
    flat,
    from_dict,
    to_dict,
)
from latentarium.config.validation import field_hints
from support.errors import raises_code

CONFIG = presets.vae_debug()


def short(value: object) -> str:
    """Return a short name of a test case."""
    return "huge" if isinstance(value, int) and value > 10**9 else repr(value)[:20]


REFUSED: list[tuple[str, object, str]] = [
    ("model.posterior", "gausian", "'gaussian'"),
    ("model.posterior", 1, "'point'"),
    ("model.latent_dim", 10**30, "1,000,000"),
    ("model.latent_dim", 0, "between 1"),
    ("model.latent_dim", None, "integer"),
    ("model.beta", "1", "number"),
    ("model.beta", -0.5, "at least 0"),
    ("model.likelihood_std", 0, "more than 0"),
    ("model.binarize", 1, "True or False"),
    ("model.encoder", {}, "TrunkConfig"),
    ("model.encoder", OptimizerConfig(), "TrunkConfig"),
    ("model.encoder", TrunkConfig(kind="conv"), "NetConfig"),
    ("model.prior", 5, "PriorConfig"),
    ("model.encoder.depth", 10**7, "1,000"),
    ("model.encoder.width", 2.0, "integer"),
    ("model.encoder.norm", "batc", "'batch'"),
    ("optimizer.learning_rate", math.inf, "finite"),
    ("optimizer.learning_rate", math.nan, "finite"),
    ("optimizer.learning_rate", True, "number"),
    ("optimizer.learning_rate", 10**400, "finite"),
    ("optimizer.learning_rate", 1j, "number"),
    ("optimizer.beta1", 1, "below 1"),
    ("optimizer.decay", "cosin", "'cosine'"),
    ("optimizer.warmup_steps", -1, "between 0"),
    ("train.steps", 40.5, "integer"),
    ("train.steps", 40.0, "integer"),
    ("train.steps", "40", "integer"),
    ("train.steps", True, "integer"),
    ("train.steps", np.bool_(True), "integer"),
    ("train.steps", torch.tensor(True), "integer"),
    ("train.steps", 10**5000, "between 1"),
    ("train.seed", 2.5, "integer"),
    ("train.seed", 2**32, "between 0"),
    ("train.image_size", -1, "between 0"),
    ("train.image_size", 10**9, "between 0"),
    ("train.precision", "float16", "'bfloat16'"),
    ("train.data", "", "empty"),
    ("train.data", None, "string"),
    ("train.device", "", "empty"),
    ("name", 3, "string"),
    ("model", {}, "ModelConfig"),
    ("train", OptimizerConfig(), "TrainConfig"),
]


def changed(config: Any, path: str, value: object) -> Any:
    """Return a copy of nested dataclasses with another value of a field, given by its path."""
    name, _, rest = path.partition(".")
    return replace(
        config, **{name: changed(getattr(config, name), rest, value) if rest else value}
    )


@pytest.mark.parametrize(("path", "value", "expected"), REFUSED, ids=short)
def test_an_impossible_value_is_refused_at_construction(path, value, expected):
    with raises_code("invalid-setting") as caught:
        changed(CONFIG, path, value)
    message = str(caught.value)
    assert path.rpartition(".")[2] in message
    assert expected in message
    assert len(message) < 400


JSON_REFUSED = [
    case for case in REFUSED
    if not isinstance(case[1], OptimizerConfig | TrunkConfig | np.generic | torch.Tensor | complex)
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected"), JSON_REFUSED, ids=short)
def test_the_same_values_are_refused_in_json(path, value, expected):
    values: Any = to_dict(CONFIG)
    *parents, last = path.split(".")
    part = values
    for name in parents:
        part = part[name]
    part[last] = value
    with raises_code("invalid-setting") as caught:
        from_dict(Config, values)
    assert f"config.{path}" in str(caught.value)


@pytest.mark.parametrize(
    "value", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3)], ids=repr
)
def test_integers_of_any_library_are_stored_as_int(value):
    stored = changed(CONFIG, "train.steps", value).train.steps
    assert stored == 3
    assert type(stored) is int


@pytest.mark.parametrize("value", [1, np.float32(1), np.int8(1), Fraction(1), 1.0], ids=repr)
def test_real_numbers_of_any_library_are_stored_as_float(value):
    stored = changed(CONFIG, "model.beta", value).model.beta
    assert stored == 1.0
    assert type(stored) is float


def test_paths_and_strings_of_any_library_are_stored_as_str():
    class Name(enum.StrEnum):
        DATA = "ring"

    for value in (Path("ring"), np.str_("ring"), Name.DATA):
        stored = changed(CONFIG, "train.data", value).train.data
        assert stored == "ring"
        assert type(stored) is str
    stored = changed(CONFIG, "model.binarize", np.bool_(True)).model.binarize
    assert stored is True


def test_a_config_of_other_number_types_is_json_and_equal():
    config = changed(changed(CONFIG, "train.seed", np.int64(7)), "model.beta", np.float64(2))
    text = json.dumps(to_dict(config))
    assert from_dict(Config, json.loads(text)) == config
    assert hash(config) == hash(from_dict(Config, json.loads(text)))


def test_lists_are_stored_as_tuples_of_the_right_length():
    card = DataCard(source="x", fingerprint="f", image_shape=[1, np.int64(2), 3], classes=["a"])  # type: ignore[arg-type]
    assert card.image_shape == (1, 2, 3)
    assert card.classes == ("a",)
    for shape in ((1, 2), (1, 2, 3, 4), (0, 2, 3), (1, 2, 10**9), ("1", 2, 3), 5, None):
        with raises_code("invalid-setting"):
            DataCard(source="x", fingerprint="f", image_shape=shape)  # type: ignore[arg-type]


def test_a_missing_key_is_named():
    values = to_dict(CONFIG)
    del values["model"]
    with raises_code("invalid-setting") as caught:
        from_dict(Config, values)
    assert "'model'" in str(caught.value)
    assert "__init__" not in str(caught.value)


def test_settings_of_a_combination_are_named_with_their_place():
    values: Any = to_dict(CONFIG)
    values["model"]["encoder"]["fourier"] = 1.0
    with raises_code("invalid-setting") as caught:
        from_dict(Config, values, "config.json")
    assert "config.json.model.encoder" in str(caught.value)


@dataclass(frozen=True, kw_only=True)
class Mixture(PriorConfig):
    """Custom settings, whose `__post_init__` does not call that of its base class."""

    kind: str = "standard_normal"
    components: Annotated[int, Range(1, 50)] = 10
    scales: tuple[float, ...] = (1.0,)
    weights: dict[str, float] | None = None

    def __post_init__(self) -> None:
        if self.components == 13:
            raise ValueError("13 brings bad luck")


@pytest.mark.parametrize(
    "changes",
    [
        {"components": 0},
        {"components": 51},
        {"components": "3"},
        {"scales": (1.0, "x")},
        {"scales": 1.0},
        {"weights": {"a": None}},
        {"weights": [1.0]},
    ],
    ids=str,
)
def test_custom_settings_are_checked_when_they_are_used(changes):
    prior = Mixture(**changes)
    with raises_code("invalid-setting"):
        AutoencoderConfig(prior=prior)
    with raises_code("invalid-setting"):
        from_dict(Mixture, {"kind": "standard_normal", **changes})


def test_custom_settings_are_converted_when_they_are_used():
    prior = Mixture(components=np.int64(3), scales=[1, 2], weights={"a": 1})  # type: ignore[arg-type]
    stored = AutoencoderConfig(prior=prior).prior
    assert stored == Mixture(components=3, scales=(1.0, 2.0), weights={"a": 1.0})


def test_an_exception_of_a_custom_class_is_reported_with_its_reason():
    with raises_code("invalid-setting") as caught:
        from_dict(Mixture, {"components": 13})
    assert "bad luck" in str(caught.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["gan", "conv", "cosine", "gaussian"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_any_json_value_is_accepted_or_refused_with_a_message(data):
    """And what is accepted is stored in the type of its annotation."""
    name = data.draw(st.sampled_from(["vae_debug", "cgan_debug"]))
    values = json.loads(json.dumps(to_dict(presets.get(name))))
    path = data.draw(st.sampled_from([*flat(values), "model", "model.encoder", "train"]))
    *parents, last = path.split(".")
    part = values
    for parent in parents:
        part = part.get(parent, {})
    if data.draw(st.booleans()):
        part[last] = data.draw(VALUES)
    else:
        part.pop(last, None)
    try:
        config = from_dict(Config, values)
    except la.UserError:
        return
    assert from_dict(Config, json.loads(json.dumps(to_dict(config), allow_nan=False))) == config
    assert config == replace(config)


def test_trunks_and_training_settings_have_no_field_without_a_check():
    """Every number has a range, so that a damaged file can't ask for endless work."""
    for kind in (NetConfig, TrainConfig, OptimizerConfig, AutoencoderConfig):
        for name, hint in field_hints(kind).items():
            assert hint not in (int, float), f"{kind.__name__}.{name} has no range"
