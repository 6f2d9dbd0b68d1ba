"""Settings of every test process.

One thread, so that parallel test processes don't slow each other down. No GPU, because
bit-identical results are promised for a CPU only. No flushes to the disk, which cost more time
than the writes. Types and shapes of the package's calls are checked.
"""

import os

from support import type_checks

# for this process, which doesn't import torch before, and for child processes
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

os.fsync = lambda fd: None
type_checks.install("latentarium")
pytest_plugins = ["support.fixtures"]
