"""The model card of a run: what the model is, what it was trained on, and how to use it."""

from latentarium.machine import versions
from latentarium.models.base import LatentModel
from latentarium.run import Run


def model_card(run: Run, model: LatentModel, step: int) -> str:
    """Return the text of the run's README.md.

    Arguments:
        run: The run.
        model: The model with the EMA weights.
        step: The training step of its weights.
    """
    config, data = run.config, run.data
    kind = config.model.kind
    channels, height, width = data.image_shape
    num_parameters = sum(p.numel() for p in model.parameters())
    label = f', label="{data.classes[0]}"' if model.takes_label else ""
    classes = f"{len(data.classes)} classes" if data.classes else "no labels"
    planned = config.train.steps
    early = "" if step == planned else f" (ended early, of {planned:,})"
    initial = run.initial_weights
    start = f", from the weights of {initial.name} (run {initial.run})" if initial else ""
    for extension in run.extensions:
        early += f", extended from {extension.from_steps:,} at step {extension.at_step:,}"
    settings = f"batch size {config.train.batch_size}, seed {config.train.seed}"
    made_with = ", ".join(f"{name} {value}" for name, value in versions().items())
    return f"""# {config.name or kind}

| | |
|---|---|
| Model | {kind}, {model.latent_dim} latent dimensions, {num_parameters:,} parameters |
| Samples of a chosen class | {"yes" if model.takes_label else "no"} |
| Data | {data.source}, {channels} x {height} x {width} pixels, {classes} |
| Data fingerprint (SHA-256) | {data.fingerprint} |
| Training | {step:,} steps{early}{start}, {settings} |
| Versions | {made_with} |

```python
import latentarium as la

model = la.load("{run.folder.name}")  # path of this folder; the training data is not needed
images = model.sample(16{label}, seed=0)  # (16, {channels}, {height}, {width}), in [-1, 1]
```

The settings are in config.json and the losses in log.jsonl. If the model was evaluated, the
results and their protocol are in metrics.json.
"""
