"""The commands interpolate, invert and nearest, which take single images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from latentarium.cli.latents import require_image_suffix, require_images
from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import print_json, print_note, print_result
from latentarium.errors import UserError

if TYPE_CHECKING:
    from latentarium.latent.inversion import Inversion

ImageArgument = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
First = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
Second = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")
"""Formats that are refused with a hint, since the libraries that write them bring FFmpeg."""


def interpolate(
    run: RunFolder,
    a: First,
    b: Second,
    out: Path = Path("path.gif"),
    steps: int = 16,
    method: Literal["linear", "spherical", "data"] = "linear",
    label: str | None = None,
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Decode the latents on a path between two images.

    Args:
        run: The folder of the run.
        a: The first end: an image file; an image of the data, such as test:0, validation:3 or
            train:17; or, for every model, a sample such as seed:5.
        b: The second end.
        out: The file to write: a .gif or .webp that plays forward and backward, a .png with all
            images in a row, or a .npz with the images as uint8 (N, C, H, W).
        steps: Number of images, with both ends.
        method: linear; spherical, which keeps the norm that is typical of N(0, I); or data, along
            a graph of the nearest latents of the training images.
        label: For a model whose decoder takes a label: a class or a blend for the whole path. By
            default, each end has the label of its image, and they are blended in between.
        data: The new source of the training data, if the data have moved.
        as_json: Print JSON.
    """
    from latentarium.data.dataset import to_uint8
    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import grid, grid_npz, grid_scale, png_bytes
    from latentarium.latent.animation import path_animation
    from latentarium.latent.image_path import path_images
    from latentarium.run import Run

    suffix = out.suffix.lower()
    if suffix in VIDEOS:
        raise UserError(
            f"out is {out}, and videos can't be written. Write a .gif or .webp, or convert a GIF: "
            f"ffmpeg -i path.gif -pix_fmt yuv420p {out.name}",
            code="unknown-format",
        )
    require_image_suffix(out, (".gif", ".webp", ".png", ".npz"))
    opened = Run(run)
    require_images(opened)
    model = opened.load(prior="trained")
    if suffix == ".png":
        grid_scale(max(1, steps), model.image_shape)
    require_writable(out)
    images = path_images(model, lambda: opened.load_data(data), (a, b), steps, method, label)
    if suffix in (".gif", ".webp"):
        content = path_animation(to_uint8(images).numpy(), "GIF" if suffix == ".gif" else "WEBP")
    elif suffix == ".png":
        scale = grid_scale(len(images), model.image_shape)
        content = png_bytes(grid(images, columns=len(images), scale=scale))
    else:
        content = grid_npz(images)
    write_atomic(out, content)
    if as_json:
        report = {"run": str(run), "a": a, "b": b, "file": str(out)}
        print_json(report | {"steps": len(images), "method": method})
    print_note(f"{out}: {len(images)} images from {a} to {b}.")


def invert(
    run: RunFolder,
    image: ImageArgument,
    out: Path | None = None,
    label: str | None = None,
    steps: int = 150,
    restarts: int = 8,
    seed: int = 0,
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Search for a latent that decodes to an image, for every kind of model.

    Args:
        run: The folder of the run.
        image: An image file, or an image of the data, such as test:0.
        out: The file to write: a .png with the image and, on its right, the decoded latent; or a
            table of the latent (.parquet, .npz or .csv) that decode reads.
        label: For a model that takes a label: the class. By default, all classes are tried.
        steps: Maximum number of steps of the search.
        restarts: Number of searches from different latents.
        seed: Seed of the search.
        data: The new source of the training data, if the data have moved.
        as_json: Print JSON.
    """
    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import pairs_png
    from latentarium.latent.image_reference import referenced_image
    from latentarium.latent.inversion import invert_iter
    from latentarium.latent.latent_table import FORMATS, LatentTable, require_format
    from latentarium.progress import console_progress
    from latentarium.run import Run

    if out is not None:
        require_image_suffix(out, (".png", *FORMATS))
        if out.suffix.lower() != ".png":
            require_format(out)
        require_writable(out)
    opened = Run(run)
    model = opened.load(prior="trained")
    x = referenced_image(image, opened.load_data(data)).x
    labels = None if label is None else model.read_labels(label, 1)
    with console_progress() as progress:
        task = progress.task(f"invert {image}", max(1, steps))
        search = invert_iter(model, x, labels, seed=seed, restarts=restarts, steps=steps)
        found = next(search)
        for found in search:
            task.update(found.step, f"error {float(found.error):.4f}")
        task.end()
    classes = model.classes
    name = None if found.label is None else classes[int(found.label)]
    if out is not None and out.suffix.lower() == ".png":
        write_atomic(out, pairs_png(x, found.image))
    elif out is not None:
        number = None if found.label is None else found.label.numpy()
        LatentTable(z=found.z.float(), label=number, classes=classes, file=(image,)).write(out)
    if as_json:
        print_json(_inversion_as_json(run, image, out, found, name))
    else:
        print_result(_inversion_text(found, name))
    if out is not None:
        print_note(f"Written to {out}.")


def _inversion_as_json(
    run: Path, image: str, out: Path | None, found: "Inversion", label: str | None
) -> dict[str, object]:
    return {
        "run": str(run),
        "image": image,
        "file": None if out is None else str(out),
        "error": float(found.error),
        "label": label,
        "length_percentile": float(found.length_percentile),
        "steps": found.step,
        "z": found.z[0].tolist(),
    }


def _inversion_text(found: "Inversion", label: str | None) -> str:
    lines = [f"error       {float(found.error):.4f}  (mean squared error, pixels in [-1, 1])"]
    lines += [] if label is None else [f"label       {label}"]
    percentile = float(found.length_percentile)
    if percentile == percentile:  # nan for an autoencoder, which has no prior
        lines.append(f"length      at the {100 * percentile:.0f}th percentile of the prior")
    return "\n".join([*lines, f"steps       {found.step}"])


def nearest(
    run: RunFolder,
    image: ImageArgument,
    out: Path | None = None,
    k: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 8,
    space: Literal["latent", "pixels"] = "latent",
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Find the training images that are nearest to an image.

    Args:
        run: The folder of the run.
        image: An image file, or an image of the data, such as test:0.
        out: A .png to write: the image, followed by the training images, nearest first.
        k: Number of training images.
        space: latent: distances between latents, in units of z; pixels: between images, with
            pixels in [-1, 1], which works for every model.
        data: The new source of the training data, if the data have moved.
        as_json: Print JSON.
    """
    import torch

    from latentarium.arguments import as_count
    from latentarium.data.dataset import to_float
    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import grid_png
    from latentarium.latent.encode_source import open_map
    from latentarium.latent.image_reference import referenced_image
    from latentarium.latent.nearest_images import nearest_training_images
    from latentarium.progress import console_progress
    from latentarium.run import Run
    from latentarium.tables import render_table

    if out is not None:
        require_image_suffix(out, (".png",))
        require_writable(out)
    count = as_count("k", k)
    opened = Run(run)
    model = opened.load(prior="trained")
    latent_map = open_map(opened, model, data)
    if space == "latent":
        latent_map.encoded.require_encoder()
    x = referenced_image(image, latent_map.data).x
    with console_progress() as progress:
        task = progress.task("encode the training images", 1) if space == "latent" else None
        found = nearest_training_images(latent_map, x, count, space)
        if task is not None:
            task.end()
    train, files = latent_map.data.train, latent_map.data.files.get("train")
    rows = [
        {
            "number": number,
            "distance": distance,
            "label": None if train.labels is None else model.classes[int(train.labels[number])],
            "file": None if files is None else files[number],
        }
        for number, distance in zip(
            found.index[0].tolist(), found.distance[0].tolist(), strict=True
        )
    ]
    if out is not None:
        images = to_float(train.images[found.index[0]])
        write_atomic(out, grid_png(torch.cat([x, images])))
    if as_json:
        file = None if out is None else str(out)
        content = {"run": str(run), "image": image, "space": space, "file": file}
        print_json(content | {"nearest": rows})
    else:
        names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        cells = [[_cell(row[name]) for name in names] for row in rows]
        print_result(render_table(names, cells))
    if out is not None:
        print_note(f"Written to {out}.")


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
