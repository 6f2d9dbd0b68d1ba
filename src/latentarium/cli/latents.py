"""The commands encode, decode and reconstruct."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from latentarium.latent.latent_table import LatentTable

Source = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]


def encode(
    run: RunFolder,
    source: Source,
    out: Path = Path("latents.csv"),
    labels: str | None = None,
    label_column: str = "",
    keys: str = "",
    trust: bool = True,
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Encode all images of a source, and write a table of their latents.

    A row is an image: its latent (z0, z1, ...: the mean of its posterior), its split and its index
    in it, its label, the name of its file, and the trust in its reconstruction.

    Args:
        run: The folder of the run.
        source: As for training: mnist, a folder of images, a .npz file, and so on. Images are
            fitted to the size of the model's.
        out: The table to write: .parquet (needs latentarium[parquet]), .npz or .csv.
        labels: A file of labels for the source.
        label_column: The column of a table that contains the labels.
        keys: Names of the arrays of a .npz file, or of the columns of a table.
        trust: Measure the trust: the share of held-out images whose reconstructions are at least
            as unusual. Needs the training data.
        data: The new source of the training data, if the data have moved.
        as_json: Print JSON.
    """
    from latentarium.files import require_writable
    from latentarium.latent.encode_source import (
        encode_source,
        load_source,
        open_map,
        require_encoder,
    )
    from latentarium.latent.latent_table import require_format
    from latentarium.progress import console_progress
    from latentarium.run import Run

    require_format(out)
    require_writable(out)
    opened = Run(run)
    model = opened.load(prior="trained")
    require_encoder(model)
    images = load_source(opened, source, labels, label_column=label_column, keys=keys)
    latent_map = open_map(opened, model, data) if trust else None
    with console_progress() as progress:
        total = sum(map(len, images.splits().values()))
        task = progress.task(f"encode {source}", total)
        if latent_map is not None:
            task.update(0, "calibrating the trust on held-out images")
            latent_map.prepare()
        table = encode_source(model, images, latent_map, task.update)
        task.end()
    table.write(out)
    counts = {name: len(split) for name, split in images.splits().items()}
    if as_json:
        print_json(_as_json(run, source, out, table, counts))
    else:
        print_result(_summary(table, counts))
    print_note(f"Written to {out}.")


def _as_json(
    run: Path, source: str, out: Path, table: "LatentTable", counts: dict[str, int]
) -> dict[str, object]:
    return {
        "run": str(run),
        "source": source,
        "file": str(out),
        "n": len(table),
        "splits": counts,
        "latent_dim": table.z.shape[1],
        "columns": list(table.columns()),
        "classes": list(table.classes),
        "unusual": _unusual(table),
    }


def _unusual(table: "LatentTable") -> int | None:
    """Return the number of images with a level that is called unusual; None if unknown."""
    from latentarium.latent.calibration import OFF_LEVEL

    return None if table.trust is None else int((table.trust < OFF_LEVEL).sum())


def _summary(table: "LatentTable", counts: dict[str, int]) -> str:
    lines = [f"images      {', '.join(f'{n:,} {name}' for name, n in counts.items())}"]
    lines.append(f"latents     {table.z.shape[1]} dimensions")
    lines.append(f"columns     {_columns(table)}")
    unusual = _unusual(table)
    if unusual is not None:
        lines.append(f"unusual     {unusual:,} images with a trust below 0.01")
    return "\n".join(lines)


def _columns(table: "LatentTable") -> str:
    names = list(table.columns())
    latents = [name for name in names if name.startswith("z")]
    shown = latents if len(latents) < 3 else [latents[0], "...", latents[-1]]
    return ", ".join([*shown, *names[len(latents) :]])
