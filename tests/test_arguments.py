"""Integers, seeds and factors as callers give them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentarium.arguments import MAX_SEED, as_count, as_factor, as_seed, to_index
from latentarium.rng import derive_seed
from support.errors import raises_code


@pytest.mark.parametrize("seven", [7, np.int64(7), np.uint8(7), np.array(7), torch.tensor(7)])
def test_equal_integers_are_the_same_number(seven):
    assert as_count("n", seven) == as_seed(seven) == 7
    assert type(as_seed(seven)) is int
    assert derive_seed("sample", seven) == derive_seed("sample", 7)


@pytest.mark.parametrize(
    "wrong", [0, -1, 2.0, "2", None, True, np.True_, [1], np.ones(2, int), 1j]
)
def test_anything_else_is_no_count(wrong):
    with raises_code("invalid-count"):
        as_count("n", wrong)


@pytest.mark.parametrize("wrong", [-1, MAX_SEED + 1, 2.5, "0", False, torch.tensor(True)])
def test_seeds_have_a_range(wrong):
    with raises_code("invalid-seed"):
        as_seed(wrong)


@pytest.mark.parametrize(
    "wrong", ["1", b"1", True, np.bool_(1), None, -0.1, np.nan, np.inf, 1j, [1, 2], 10**400]
)
def test_a_factor_is_a_finite_number(wrong):
    with raises_code("invalid-truncation"):
        as_factor("truncation", wrong, code="invalid-truncation")


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5)])
def test_numbers_of_all_libraries_are_factors(half):
    assert as_factor("truncation", half, code="x") == 0.5


@given(st.from_type(object) | st.integers() | st.floats() | st.booleans() | st.text())
def test_only_integers_are_integers(value):
    number = to_index(value)
    assert number is None or (number == value and not isinstance(value, bool | float))


def test_hashes_of_plain_values_have_not_changed():
    """The random numbers of trainings depend on them."""
    assert derive_seed(0, 1, "generator") == derive_seed(0, np.int32(1), "generator")
    assert derive_seed("weights", 0) == 970112611501083485
