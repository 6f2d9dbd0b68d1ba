"""The commands encode, decode and reconstruct."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import num_images, print_json, print_note, print_result
from latentarium.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from latentarium.latent.latent_table import LatentTable
    from latentarium.models import LatentModel
    from latentarium.run import Run

SILENT_ROWS = 10_000
"""Up to this many images, which take seconds, no progress is reported."""
PAIRS = 32
"""Default number of pairs in a picture."""
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
            fitted to the size of the model's, and converted to grey or colour.
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
    from latentarium.progress import console_progress, reported_parts
    from latentarium.run import Run

    require_format(out)
    require_writable(out)
    opened = Run(run)
    model = opened.load(prior="trained")
    require_encoder(model)
    images = load_source(opened, source, labels, label_column=label_column, keys=keys)
    latent_map = open_map(opened, model, data) if trust else None
    if latent_map is not None:
        with reported_parts("learn to recognize corrupted images") as report:
            latent_map.prepare(report)
    with console_progress() as progress:
        total = sum(map(len, images.splits().values()))
        task = progress.task(f"encode {source}", total)
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
        lines.append(f"unusual     {num_images(unusual)} with a trust below 0.01")
    return "\n".join(lines)


def _columns(table: "LatentTable") -> str:
    names = list(table.columns())
    latents = [name for name in names if name.startswith("z")]
    shown = latents if len(latents) < 3 else [latents[0], "...", latents[-1]]
    return ", ".join([*shown, *names[len(latents) :]])


def decode(
    run: RunFolder,
    latents: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="LATENTS")],
    out: Path = Path("decoded.png"),
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None,
    label: str | None = None,
    scale: int | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Decode the latents of a table, such as encode writes, into images.

    Args:
        run: The folder of the run.
        latents: A .parquet, .npz or .csv file with the columns z0, z1, ..., or a .npz with an
            array z.
        out: The file to write: a .png with a grid of the images, or a .npz with the images as
            uint8 (N, C, H, W).
        n: Number of rows to decode, from the first one; by default, all.
        label: For a model whose decoder takes a label: a class or a blend for all rows, in place
            of the column label.
        scale: Factor by which the grid is enlarged; by default, only small images are enlarged.
        as_json: Print JSON.
    """
    import torch

    from latentarium.arguments import as_count
    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import grid_png, grid_scale, write_npz
    from latentarium.latent.latent_table import read_latent_table
    from latentarium.models.inference import decode_parts
    from latentarium.progress import console_progress, report_parts
    from latentarium.run import Run

    require_image_suffix(out, (".png", ".npz"))
    table = read_latent_table(latents)
    opened = Run(run)
    require_images(opened)
    model = opened.load(prior="trained")
    z = model.read_latents(table.z)[: len(table) if n is None else as_count("n", n)]
    labels = _decoder_labels(model, table, label, len(z))
    if out.suffix.lower() == ".png":
        grid_scale(len(z), model.image_shape, scale)
    require_writable(out)
    with console_progress() as progress:
        task = progress.task(str(out), len(z)) if len(z) > SILENT_ROWS else None
        images = report_parts(decode_parts(model, z, labels), task)
        if out.suffix.lower() == ".npz":
            write_npz(out, images, len(z))
        else:
            write_atomic(out, grid_png(torch.cat(list(images)), scale))
    if as_json:
        print_json({"run": str(run), "latents": str(latents), "file": str(out), "n": len(z)})
    print_note(f"{out}: {num_images(len(z))}.")


def _decoder_labels(
    model: "LatentModel", table: "LatentTable", label: str | None, n: int
) -> "Tensor | None":
    """Return a label for each latent; None for a decoder that takes none."""
    if label is not None:
        labels = model.read_labels(label, n)
        return labels if model.decodes_label else None
    if not model.decodes_label:
        return None
    names = table.names()
    if names is None or "" in names[:n]:
        raise UserError(
            "The decoder of this model needs a label for each latent, and the table lacks them: "
            "add a column label, or give --label.",
            code="label-missing",
        )
    return model.read_labels(names[:n], n)


def reconstruct(
    run: RunFolder,
    source: Source,
    out: Path = Path("pairs.png"),
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None,
    split: Literal["train", "validation", "test"] = "test",
    labels: str | None = None,
    label_column: str = "",
    keys: str = "",
    scale: int | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Encode and decode images, and show each next to its reconstruction.

    Args:
        run: The folder of the run.
        source: As for encode.
        out: The file to write: a .png with pairs of an image and, on its right, its
            reconstruction; or a .npz with the arrays images and reconstructions, uint8 (N, C, H,
            W), their errors, and the index of each image in the split.
        n: Number of images, chosen by a fixed permutation; by default 32 for a .png and all for a
            .npz.
        split: The split of the source.
        labels: A file of labels for the source.
        label_column: The column of a table that contains the labels.
        keys: Names of the arrays of a .npz file, or of the columns of a table.
        scale: Factor by which the picture is enlarged; by default, only small images are enlarged.
        as_json: Print JSON.
    """
    from latentarium.arguments import as_count
    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import grid_scale, npz_bytes, pairs_png
    from latentarium.latent.encode_source import load_source, require_encoder
    from latentarium.latent.reconstruct_source import reconstruct_split
    from latentarium.progress import console_progress
    from latentarium.run import Run

    require_image_suffix(out, (".png", ".npz"))
    is_picture = out.suffix.lower() == ".png"
    opened = Run(run)
    model = opened.load(prior="trained")
    require_encoder(model)
    data = load_source(opened, source, labels, label_column=label_column, keys=keys)
    total = len(data.splits()[split])
    count = min(total, as_count("n", n if n is not None else PAIRS if is_picture else total))
    if is_picture:
        grid_scale(2 * count, model.image_shape, scale)
    require_writable(out)
    with console_progress() as progress:
        task = progress.task(f"reconstruct {source}", count) if count > SILENT_ROWS else None
        result = reconstruct_split(
            model, data, split, None if count == total else count,
            None if task is None else task.update,
        )  # fmt: skip
        if task is not None:
            task.end()
    if is_picture:
        write_atomic(out, pairs_png(result.images, result.reconstructions, scale))
    else:
        arrays = {
            "images": result.images.numpy(),
            "reconstructions": result.reconstructions.numpy(),
            "error": result.errors.numpy(),
            "index": result.index,
        }
        write_atomic(out, npz_bytes(**arrays))
    interval = result.interval()
    if as_json:
        content = {"run": str(run), "source": source, "split": split, "file": str(out)}
        print_json(content | {"n": count, "error": result.error, "interval": interval})
    else:
        shown = "" if interval is None else f" (95 % interval {interval[0]:.4f}-{interval[1]:.4f})"
        print_result(
            f"{result.error:.4f}{shown}: mean squared error over pixels in [-1, 1] of {count:,} "
            f"{split} images"
        )
    print_note(f"Written to {out}.")


def require_images(run: "Run") -> None:
    """Refuse the saved estimator of a table, whose rows are not images (code "not-images")."""
    from latentarium.files import read_json

    path = run.estimator_path
    if not path.is_file() or run.data.image_shape[1:] != (1, 1):
        return
    name = read_json(path, f"{path} is missing.").get("estimator")
    method = ".sample(64)" if name == "ImageGenerator" else ""
    raise UserError(
        f"{run.folder} contains the estimator {name} of a table, which has no images. Use it in "
        f"Python: latentarium.estimators.{name}.load({str(run.folder)!r}){method}.",
        code="not-images",
    )


def require_image_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file whose format can't be written (code "unknown-format")."""
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        raise UserError(
            f"out is {path}; it must end in {', '.join(others)} or {last}.", code="unknown-format"
        )
