"""Memory that threads share."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from latentarium.data.storage import Allowance


def test_threads_together_take_no_more_than_there_is_and_the_greedy_work_alone():
    allowance, barrier = Allowance(10), Barrier(4)
    in_use: list[int] = []
    seen: list[list[int]] = []

    def work(size: int) -> None:
        barrier.wait(20)
        for _ in range(200):
            with allowance.take(size):
                in_use.append(size)
                seen.append(list(in_use))
                in_use.remove(size)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [3, 4, 5, 99]))
    assert all(sum(sizes) <= 10 or sizes == [99] for sizes in seen)
    assert len(seen) == 800
