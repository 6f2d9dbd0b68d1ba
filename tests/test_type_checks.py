"""In tests, each call of the package is checked for types and shapes."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from latentarium.config import NetConfig
from latentarium.data.batches import Batch
from latentarium.metrics.balls import ball_counts
from support import type_checks
from support.errors import raises_code
from support.type_checks import check

Rows = Float[Tensor, "N F"]
Mean = Float[Tensor, " F"]
Weights = Float[Tensor, " N"]


@check
def mean(rows: Rows, weights: Weights | None = None) -> Mean:
    return rows.mean(0) if weights is None else rows[0, :1]


@check
def repeat(text: str, count: int = 1) -> str:
    return text * count


@check
def first(values: list[int]) -> Iterator[int]:
    yield values[0]


@check
def of_pair(pair: "Pair", other: "Missing | None" = None) -> "str":  # noqa: F821  # pyright: ignore
    return pair.name


@check
async def later(value: int) -> int:
    return value


@check
@dataclass
class Pair:
    left: Rows
    right: Rows
    name: str = ""


@check
@dataclass
class NamedPair(Pair):
    count: int = 0


def test_types_of_arguments_and_results_are_checked():
    assert repeat("a", 2) == "aa"
    with pytest.raises(TypeError, match="count"):
        repeat("a", "2")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        repeat("a", count=2.0)  # pyright: ignore[reportArgumentType]
    assert asyncio.run(later(1)) == 1
    with pytest.raises(TypeError):
        asyncio.run(later("1"))  # pyright: ignore[reportArgumentType]
    assert list(first([1])) == [1]
    with pytest.raises(TypeError):
        list(first("1"))  # pyright: ignore[reportArgumentType]


def test_annotations_in_quotes_are_checked_unless_their_names_are_missing():
    pair = Pair(torch.zeros(2, 3), torch.zeros(2, 3), "left")
    assert of_pair(pair) == of_pair(pair, 1) == "left"
    with pytest.raises(TypeError, match="pair"):
        of_pair("left")  # pyright: ignore[reportArgumentType]


def test_axes_have_one_size_in_a_call_and_another_in_the_next():
    for n, f in ((2, 3), (4, 5)):
        assert mean(torch.zeros(n, f)).shape == (f,)
    with pytest.raises(TypeError):
        mean(torch.zeros(3))
    with pytest.raises(TypeError):
        mean(torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(TypeError, match="weights"):
        mean(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(TypeError, match="return"):
        mean(torch.zeros(2, 3), torch.zeros(2))


def test_fields_of_dataclasses_are_checked():
    Pair(torch.zeros(2, 3), torch.zeros(2, 3))
    NamedPair(torch.zeros(2, 3), torch.zeros(2, 3), count=1)
    for kind in (Pair, NamedPair):
        with pytest.raises(TypeError, match="right"):
            kind(torch.zeros(2, 3), torch.zeros(3, 3))
        with pytest.raises(TypeError, match="name"):
            kind(torch.zeros(2, 3), torch.zeros(2, 3), name=1)


def test_the_package_is_checked(monkeypatch):
    monkeypatch.setattr(type_checks, "CHECK_INTERVAL", 1)
    with pytest.raises(TypeError, match="centres"):
        ball_counts(torch.zeros(5, 3), torch.zeros(5, 4), 1, closed=True)
    with raises_code("invalid-setting"):  # settings check their own values
        NetConfig(width="4")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="y"):
        Batch(torch.zeros(2, 1, 4, 4), torch.zeros(3, dtype=torch.int64))
