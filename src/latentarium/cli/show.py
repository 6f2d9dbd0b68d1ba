"""Commands that show samples, the studio, and the contents of a data source."""

import json
from pathlib import Path
from typing import Annotated

import tyro

from latentarium.cli.output import print_result
from latentarium.errors import UserError


def sample(
    run: Annotated[Path, tyro.conf.Positional],
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64,
    label: str | None = None,
    gaussian: str | None = None,
    data: str | None = None,
    seed: int = 0,
    truncation: float = 1.0,
    out: Path = Path("grid.png"),
    scale: int | None = None,
) -> None:
    """Sample images from a trained run.

    Args:
        run: The folder of the run.
        n: Number of images.
        label: For a model that takes a label: the class, by number or name, or a blend such as
            3:0.6,8:0.4.
        gaussian: For a model with an encoder that takes no label: the class whose Gaussian in the
            latent space is sampled. The training images are encoded first.
        data: With --gaussian: the source of the training data, if it has moved.
        seed: The same seed gives the same images.
        truncation: Factor on the latents' deviation from the mean of the prior; values below 1
            give more typical and less varied images.
        out: A .png with a grid of the images, or a .npz with the images as uint8 (N, C, H, W).
        scale: Enlargement of the grid; without it, small images are enlarged.
    """
    from latentarium.files import write_atomic
    from latentarium.image_files import grid_npz, grid_png
    from latentarium.latent.class_samples import class_gaussian, sample_gaussian
    from latentarium.run import Run

    if out.suffix not in (".png", ".npz"):
        raise UserError(f"out is {out}; it must end in .png or .npz.", code="unknown-format")
    if scale is not None and scale < 1:
        raise UserError(f"scale is {scale}; it must be at least 1.", code="invalid-scale")
    if gaussian is not None and label is not None:
        raise UserError(
            "label and gaussian exclude each other: give one of them.", code="conflicting-options"
        )
    model = Run(run).load()
    if gaussian is None:
        images = model.sample(n, label=label, seed=seed, truncation=truncation)
    else:
        fitted = class_gaussian(model, Run(run).load_data(data), gaussian)
        images = sample_gaussian(model, fitted, n, seed, truncation=truncation)
    write_atomic(out, grid_npz(images) if out.suffix == ".npz" else grid_png(images, scale))
    print_result(f"{out}: {n} images from {run}, seed {seed}.")


def studio(
    folders: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")
    ] = (),
    data: str | None = None,
    runs: Path = Path("runs"),
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
) -> None:
    """Serve a page on which to explore latent spaces, compare, generate and train.

    Args:
        folders: Folders of runs; without any, the small models that ship with the package.
        data: The source of their training data, if it has moved.
        runs: The folder in which the page finds runs and starts new ones.
        host: The address to listen on. If other machines can reach it, the link has a token.
        port: The port; the next free one if it is taken, any free one for 0.
        browse: Open the page in a browser.
    """
    from latentarium.studio.registry import load_registry
    from latentarium.studio.serve import serve

    registry = load_registry(folders, data)
    serve(registry, host=host, port=port, browse=browse, say=print_result, runs=runs)


def data_check(
    source: Annotated[str, tyro.conf.Positional],
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
    untrusted: bool = False,
    pictures: Path | None = None,
) -> None:
    """Report what a data source contains, what would be left out, and what is wrong with it.

    Args:
        source: As for training: mnist, a folder of images, a .zip of one, a .npz file, ...
        as_json: Print JSON.
        untrusted: Enforce limits for untrusted uploads (number of files, pixels, memory).
        pictures: A folder to write thumbnails of a few training images to.
    """
    from latentarium.data.check import check_data
    from latentarium.data.sources import load_data
    from latentarium.data.upload_limits import require_within_limits
    from latentarium.files import write_atomic
    from latentarium.image_files import thumbnails

    if untrusted:
        require_within_limits(Path(source))
    data = load_data(source)
    report = check_data(data)
    if pictures is not None:
        for number, content in enumerate(thumbnails(data.train.images, 12, 48)):
            write_atomic(pictures / f"{number}.png", content)
    print_result(json.dumps(report.to_dict()) if as_json else "\n".join(report.lines()))
