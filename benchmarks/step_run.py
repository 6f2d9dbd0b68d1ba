"""Time the steps of a training on request: `step_run.py PRESET THREADS`.

Reads a number of seconds from each line of stdin, trains for that long, and prints the mean
milliseconds of a step as JSON. THREADS of 0 is the number that `train` chooses. Presets for the
images of the user get 64 x 64 images of noise with ten labels.
"""

import argparse
import json
import sys
import time

import numpy as np
from speed_parts.common import with_settings
from speed_parts.steps import TrainingSteps

from latentarium import presets
from latentarium.data.arrays import RawData, to_data
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.memory import keeping_freed_memory

WARMUP_STEPS = 4


def main() -> None:
    """Serve requests until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    config = with_settings(presets.get(options.preset), threads=options.threads)
    own_images = options.preset.endswith("_images")
    data = noise_images() if own_images else load_data(config.train.data)
    with keeping_freed_memory():
        training = TrainingSteps(config, data)
        for _ in range(WARMUP_STEPS):
            training.step()
        print(json.dumps({"threads": training.threads}), flush=True)
        for line in sys.stdin:
            duration, started, steps = float(line), time.perf_counter(), 0
            while (passed := time.perf_counter() - started) < duration:
                training.step()
                steps += 1
            print(json.dumps({"ms": 1000 * passed / steps}), flush=True)


def noise_images(n: int = 1000, side: int = 64) -> Data:
    """Return labelled colour images of noise."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 3, side, side), dtype=np.uint8)
    labels = np.arange(n) % 10
    images: dict[str, object] = {"train": pixels, "validation": pixels, "test": pixels}
    sets: dict[str, object] = {"train": labels, "validation": labels, "test": labels}
    return to_data(RawData(source="noise", images=images, labels=sets))


if __name__ == "__main__":
    main()
