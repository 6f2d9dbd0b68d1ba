"""The model card that a run carries: what it is, what it saw, how to use it."""

from latentarium.machine import versions
from latentarium.models.base import LatentModel
from latentarium.run import Run


def model_card(run: Run, model: LatentModel, step: int) -> str:
    """The text of README.md in the run's folder after so many steps."""
    config, data = run.config, run.data
    channels, height, width = data.image_shape
    parameters = sum(p.numel() for p in model.parameters())
    label = f', label="{data.classes[0]}"' if model.takes_label else ""
    classes = f"; {len(data.classes)} classes" if data.classes else "; no labels"
    kind = f"{config.model.kind}, latent of {model.latent_dim} dimensions"
    early = "" if step == config.train.steps else f" (ended early, of {config.train.steps:,})"
    length = f"{step:,} steps{early} of {config.train.batch_size} images"
    made_with = ", ".join(f"{name} {value}" for name, value in versions().items())
    return f"""# {config.name or config.model.kind}

| | |
|---|---|
| model | {kind}, {parameters:,} parameters |
| can be told which class to make | {"yes" if model.takes_label else "no"} |
| data | {data.source}, {channels} x {height} x {width}{classes} |
| fingerprint of the data | {data.fingerprint} |
| training | {length}, seed {config.train.seed} |
| made with | {made_with} |

```python
import latentarium as la

model = la.load("{run.folder.name}")  # this folder; needs no data
images = model.sample(16{label}, seed=0)  # (16, {channels}, {height}, {width}) in [-1, 1]
```

Scores, where they were measured, are in metrics.json with their protocol. The settings are in
config.json, the losses in log.jsonl.
"""
