"""Settings of every test process.

One thread, so that parallel test processes don't slow each other down. No GPU, because
bit-identical results are promised for a CPU only. No flushes to the disk, which cost more time
than the writes. An empty cache, so that the results don't depend on what was cached before. Types
and shapes of the package's calls are checked.
"""

import gc
import os
import tempfile

from support import type_checks

gc.disable()  # until all modules are imported

# for this process, which doesn't import torch before, and for child processes
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["LATENTARIUM_WORKERS"] = "1"  # the tests themselves run in several processes
os.environ["CUDA_VISIBLE_DEVICES"] = ""
CACHE = tempfile.TemporaryDirectory(prefix="latentarium-tests-")
os.environ["LATENTARIUM_CACHE"] = CACHE.name

os.fsync = lambda fd: None
type_checks.install("latentarium")
pytest_plugins = ["support.fixtures"]

LONGEST = (
    "test_train_page", "test_parts_page", "test_tour", "test_page", "test_map_page",
    "test_estimator_checks", "test_compare_page", "test_evaluate_cli", "test_onnx",
    "test_failing_runs", "test_exported_page", "test_copied_code", "test_keyboard_page",
    "test_draw_page", "test_lab_page", "test_evaluate", "test_small_sets", "test_kills",
    "test_streams", "test_mistakes", "test_time_machine_page", "test_paths_page",
)  # fmt: skip
"""Files that take more than about 15 s of processor time. They start first, the longest one before
all others: a long file that starts last leaves the other processes idle."""


def pytest_collection_modifyitems(items):
    order = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


def pytest_collection_finish():
    # a full garbage collection would walk through the imported modules, which takes 0.2 s
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
