"""Arrays mapped from files equal arrays in memory, and threads respect a memory budget."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from latentarium.data.storage import MemoryBudget, Storage
from support.errors import raises_code
from support.limits import file_size_limit

MAPPED = Storage(max_in_memory=0, block_size=400)
IN_MEMORY = Storage(max_in_memory=1 << 40)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


def test_threads_together_stay_within_the_budget_and_larger_requests_run_alone():
    budget, barrier = MemoryBudget(10), Barrier(4)
    in_use: list[int] = []
    observed: list[list[int]] = []

    def work(size: int) -> None:
        barrier.wait(20)
        for _ in range(200):
            with budget.reserve(size):
                in_use.append(size)
                observed.append(list(in_use))
                in_use.remove(size)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [3, 4, 5, 99]))
    assert all(sum(sizes) <= 10 or sizes == [99] for sizes in observed)
    assert len(observed) == 800


def test_mapped_copies_equal_copies_in_memory():
    images = RNG.integers(0, 256, (30, 3, 9, 7), dtype=np.uint8)
    index = RNG.permutation(30)[:20]
    for storage in (MAPPED, IN_MEMORY):
        assert np.array_equal(storage.take(images, index), images[index])
        assert np.array_equal(storage.first_channel(images), images[:, :1])
        assert not storage.is_grey(images)
        assert storage.is_grey(images[:, :1].repeat(3, 1))
    assert isinstance(MAPPED.take(images, index), np.memmap)
    assert not isinstance(IN_MEMORY.take(images, index), np.memmap)


def test_one_image_in_colour_makes_the_set_not_grey():
    images = RNG.integers(0, 256, (30, 1, 9, 7), dtype=np.uint8).repeat(3, 1)
    images[29, 2, 8, 6] ^= 1
    assert not MAPPED.is_grey(images)


def test_a_mapped_array_leaves_no_file(cache):
    array = MAPPED.empty((100, 50))
    array[:] = 7
    assert list(cache.iterdir()) == []
    assert int(array.sum()) == 35_000


def test_insufficient_disk_space_is_an_error_and_not_a_crash():
    with file_size_limit(1000), raises_code("cannot-write"):
        MAPPED.empty((100, 50))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_arrays_of_any_type_are_copied_and_converted_in_blocks(dtype):
    values = RNG.integers(0, 256, (30, 2, 9, 7)).astype(dtype)
    index = np.sort(RNG.permutation(30)[:20])
    small = Storage(max_in_memory=0, block_size=400, convert_size=1200)
    for storage in (small, IN_MEMORY):
        taken = storage.take(values, index)
        assert taken.dtype == dtype
        assert np.array_equal(taken, values[index])
        converted = storage.convert(
            values, index, lambda block, rows: (block[:, :1] + rows[:, None, None, None]) % 256,
            (1, 9, 7),
        )  # fmt: skip
        assert converted.dtype == np.uint8
        assert np.array_equal(converted, (values[index, :1] + index[:, None, None, None]) % 256)
    assert isinstance(small.empty((3, 4), dtype), np.memmap)
    sizes = [rows.stop - rows.start for rows in small.blocks(values, 30)]
    assert sum(sizes) == 30
    assert max(sizes) * values[0].nbytes <= max(400, values[0].nbytes)
