"""Commands that show: drawn images, the studio, what a source holds."""

import json
from pathlib import Path
from typing import Annotated

import tyro

from latentarium.cli.output import say
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
    """Draws images from a trained run.

    Args:
        run: The run's folder.
        n: How many images.
        label: For a model that takes one: which class to make, by number or name, or a blend such
            as 3:0.6,8:0.4.
        gaussian: For a model with an encoder that takes no class: the class from whose Gaussian in
            the latent space to draw. The images that it was trained on are encoded first.
        data: With a gaussian: where these images are, where they have moved.
        seed: The same seed gives the same images.
        truncation: Scales the latents' deviation; below 1 the images are more alike.
        out: A .png to look at, or a .npz with the images as uint8 (N, C, H, W).
        scale: Enlargement of the picture; without it, small images are enlarged.
    """
    from latentarium.evaluation import data_of
    from latentarium.files import write_atomic
    from latentarium.image_files import grid_npz, grid_png
    from latentarium.latent.class_samples import class_gaussian, sample_gaussian
    from latentarium.run import Run

    if out.suffix not in (".png", ".npz"):
        raise UserError(f"{out} ends neither in .png nor in .npz: give one of these.")
    if scale is not None and scale < 1:
        raise UserError(f"scale is {scale}; give at least 1.")
    if gaussian is not None and label is not None:
        raise UserError("Give a label or the class of a gaussian, not both.")
    model = Run(run).load()
    if gaussian is None:
        images = model.sample(n, label=label, seed=seed, truncation=truncation)
    else:
        fitted = class_gaussian(model, data_of(Run(run), data), gaussian)
        images = sample_gaussian(model, fitted, n, seed, truncation=truncation)
    write_atomic(out, grid_npz(images) if out.suffix == ".npz" else grid_png(images, scale))
    say(f"{out}: {n} images from {run}, seed {seed}.")


def studio(
    shown: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")
    ] = (),
    data: str | None = None,
    runs: Path = Path("runs"),
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
) -> None:
    """Opens a page on which the latent space of runs can be seen and touched.

    Args:
        shown: Folders of runs; none: the small models that ship.
        data: What they were trained on, where that has moved.
        runs: The folder in which the page finds trainings, and starts new ones.
        host: The address to answer at. At one that others reach, a token is part of the link.
        port: Of the address; the next free one where it is taken, any for 0.
        browse: Open the page in a browser.
    """
    from latentarium.studio.registry import load_registry
    from latentarium.studio.serve import serve

    registry = load_registry(shown, data)
    serve(registry, host=host, port=port, browse=browse, say=say, runs=runs)


def data_check(
    source: Annotated[str, tyro.conf.Positional],
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
    untrusted: bool = False,
    pictures: Path | None = None,
) -> None:
    """Says what would be loaded from a source, and what is wrong with it.

    Args:
        source: As for training: mnist, a folder of pictures, a .zip of it, a .npz file, ...
        as_json: Print JSON for a machine to read.
        untrusted: Refuse pictures of a stranger that would take more memory than usual ones do.
        pictures: A folder to write a few of the training images to, small.
    """
    from latentarium.data.check import check
    from latentarium.data.sources import load_data
    from latentarium.data.untrusted import require_modest
    from latentarium.files import write_atomic
    from latentarium.image_files import thumbnails

    if untrusted:
        require_modest(Path(source))
    data = load_data(source)
    report = check(data)
    if pictures is not None:
        for number, content in enumerate(thumbnails(data.train.images, 12, 48)):
            write_atomic(pictures / f"{number}.png", content)
    say(json.dumps(report.to_dict()) if as_json else "\n".join(report.lines()))
