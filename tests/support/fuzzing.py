"""Compare what `load_data` reads with what the reference reads, in tests with hypothesis."""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, event, note, settings

import latentarium as la
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from support.reference_pixels import Contents, RefusedError, Source, UnstatedError

SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large,
              HealthCheck.function_scoped_fixture]  # fmt: skip

MIN_DIVIDED = 10


def fuzz(examples: int) -> Any:
    """Return settings under which every run tries the same examples."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None,
                    suppress_health_check=SUPPRESSED)  # fmt: skip


def check(
    read: Callable[[], Source], source: object, labels: object = None, **options: Any
) -> None:
    """Load a source, and compare its images and labels with those of the reference."""
    expected, splits, unused = None, set(), False
    try:
        wanted = read()
        splits, unused = {split for split, *_ in wanted.images}, wanted.unused
        training = [split for split, *_ in wanted.images if split in ("", "train")]
        if len(training) < MIN_DIVIDED and len(splits) < 3:
            raise UnstatedError("the smallest number of images that is divided into splits")
        expected = wanted.contents(splits == {"train", "validation", "test"})
    except RefusedError as error:
        event(f"refused: {error}")
        with pytest.raises(UserError):
            la.load_data(source, labels, **options)
        return
    except UnstatedError as error:
        event(f"unstated: {error}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = la.load_data(source, labels, **options)
        except UserError as error:
            note(str(error))
            assert expected is None
            return
    if expected is not None:
        event("compared")
        note("; ".join([*data.notes, *data.problems]))
        assert contents(data, splits) == expected
        assert data.notes or data.problems or not unused


def contents(data: Data, splits: set[str]) -> Contents:
    """Return what was loaded as a multiset, like `Source.contents`.

    Splits that the source lacks are parts of the training images, and are counted as such.
    """
    loaded: Contents = Counter()
    base = "" if "" in splits else "train"
    for name, split in data.splits().items():
        for k, image in enumerate(split.images.permute(0, 2, 3, 1).numpy()):
            label = None if split.labels is None else data.card.classes[int(split.labels[k])]
            place = name if name in splits else base
            loaded[place, image.shape, image.tobytes(), label] += 1
    return loaded
