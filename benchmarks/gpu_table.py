"""The table of training steps on a GPU."""

from committed import load, table

COLUMNS = {
    "cuda float32": "GPU",
    "cuda bfloat16": "GPU, bfloat16",
    "cpu float32": "CPU, 16 cores",
}


def gpu_table() -> str:
    """Return milliseconds per step by preset and batch size."""
    steps = load("gpu")["steps"]
    sizes = {
        name: dict.fromkeys(key.split()[-1] for key in times) for name, times in steps.items()
    }
    return table(
        ["preset", "batch", *COLUMNS.values()],
        [
            [f"`{name}`", size, *(f"{steps[name][f'{key} {size}']:.1f}" for key in COLUMNS)]
            for name in steps
            for size in sizes[name]
        ],
    )
