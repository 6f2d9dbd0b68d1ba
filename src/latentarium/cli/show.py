"""Commands that show samples, the studio, and the contents of a data source."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import tyro

from latentarium.cli.interrupts import end_without_cleanup
from latentarium.cli.latents import require_images
from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import num_images, print_json, print_note, print_result
from latentarium.errors import UserError

SILENT_SAMPLES = 10_000
"""Up to this many samples, which take seconds, no progress is reported."""
MAX_LATENTS = 1 << 28
"""Largest number of latent values to draw at a time: 1 GiB."""


def sample(
    run: RunFolder,
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64,
    label: str | None = None,
    prior: str | None = None,
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
        label: For a model that takes a label, or with a fitted prior that has classes: the class,
            by number or name, or a blend such as 3:0.6,8:0.4.
        prior: Kind of a fitted prior (see fit-prior) to sample from, or trained. The default is
            the trained prior; for an autoencoder, which has none, the best fitted one.
        gaussian: For a model that encodes images and takes no label: a class, by number or name.
            The latents are drawn from the Gaussian of this class, which is the one of --prior
            class-gaussian; it is fitted now.
        data: With --gaussian: the new source of the training data, if the data have moved.
        seed: The same seed gives the same images.
        truncation: Factor on the latents' deviation from the mean of the prior; values below 1
            give more typical and less varied images.
        out: The file to write: a .png with a grid of the images, or a plot of points; or a .npz
            with the array images, as uint8 (N, C, H, W) that may be larger than the memory, or
            as float32 for points.
        scale: Factor by which the grid is enlarged; by default, only small images are enlarged.
    """
    import torch

    from latentarium.files import require_writable, write_atomic
    from latentarium.image_files import grid_png, grid_scale, npz_bytes, write_npz
    from latentarium.latent.class_samples import class_gaussian, draw_latents
    from latentarium.models.checked import a_kind
    from latentarium.models.inference import decode_parts
    from latentarium.point_plot import points_png
    from latentarium.progress import console_progress, report_parts
    from latentarium.run import Run
    from latentarium.run.priors import TRAINED, split_prior

    suffix = out.suffix.lower()
    if suffix not in (".png", ".npz"):
        raise UserError(f"out is {out}; it must end in .png or .npz.", code="unknown-format")
    if scale is not None and scale < 1:
        raise UserError(f"scale is {scale}; it must be at least 1.", code="invalid-scale")
    for name, value in {"label": label, "prior": prior}.items():
        if gaussian is not None and value is not None:
            raise UserError(
                f"Both {name} and gaussian are given; give only one of them.",
                code="conflicting-options",
            )
    folder, kind = split_prior(run)
    opened, prior = Run(folder), prior or kind
    require_images(opened)
    model = opened.load(prior=prior if gaussian is None else TRAINED)
    as_points = tuple(model.image_shape) == (2, 1, 1)
    if suffix == ".png" and not as_points:
        grid_scale(max(1, n), model.image_shape, scale)  # before time is spent on the samples
    if n > MAX_LATENTS // model.latent_dim:
        raise UserError(
            f"n is {n:,}; it must be at most {MAX_LATENTS // model.latent_dim:,} for this model. "
            "Write several files with different seeds.",
            code="invalid-count",
        )
    if gaussian is None:
        z, y = model.latents(n, label, seed, truncation=truncation)
    else:
        fitted = class_gaussian(model, opened.load_data(data), gaussian)
        z, y = draw_latents(fitted, n, seed, truncation=truncation), None
    require_writable(out)
    with console_progress() as progress:
        task = progress.task(str(out), n) if n > SILENT_SAMPLES else None
        images = report_parts(decode_parts(model, z, y), task)
        if as_points:
            points = torch.cat(list(images)).numpy()
            write_atomic(
                out,
                points_png(points[:, :, 0, 0]) if suffix == ".png" else npz_bytes(images=points),
            )
        elif suffix == ".npz":
            write_npz(out, images, n)
        else:
            write_atomic(out, grid_png(torch.cat(list(images)), scale))
    chosen = f", prior {model.fitted_prior}" if model.fitted_prior else ""
    what = f"{n:,} points" if as_points else num_images(n)
    print_note(f"{out}: {what} from {run}{chosen}, seed {seed}.")
    if gaussian is None and not (model.fitted_prior or model.config.trained_with_prior):
        print_note(
            f"{a_kind(model.kind)} is trained without a prior. These latents are drawn from "
            "N(0, I), so many of them are far from those of the data. To fit a prior: "
            f"latentarium fit-prior {shlex.quote(folder)} --kind mixture"
        )


def studio(
    folders: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")
    ] = (),
    data: str | None = None,
    runs: Path = Path("runs"),
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
    base_path: str = "",
    allow_host: tuple[str, ...] = (),
    allow_frame: tuple[str, ...] = (),
) -> None:
    """Serve a web page to explore latent spaces, compare models, generate images and train.

    Args:
        folders: Folders of runs; RUN@KIND is a run with a fitted prior (see fit-prior). Without
            any, the small models that ship with the package.
        data: The new source of the runs' training data, if the data have moved.
        runs: The folder whose runs the page lists, and in which it starts new runs.
        host: The address to listen on. If other machines can reach it, the link contains a token.
        port: The port. If it is taken, the next free port is used; 0 chooses any free port.
        browse: Open the page in a browser.
        base_path: The path below which a reverse proxy serves the studio, such as /studio, if the
            proxy does not remove it.
        allow_host: Other host names by which browsers address the studio, such as that of a
            reverse proxy. The link then contains a token.
        allow_frame: The origins of pages that may show the studio in a frame, such as
            http://localhost:8888.
    """
    from latentarium.studio.deployment import Deployment
    from latentarium.studio.registry import load_registry
    from latentarium.studio.serve import serve

    deployment = Deployment(base_path=base_path, hosts=allow_host, frames=allow_frame)
    registry = load_registry(folders, data)
    end_without_cleanup()
    serve(
        registry, host=host, port=port, browse=browse, say=print_result, runs=runs,
        deployment=deployment,
    )  # fmt: skip


def data_check(
    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")],
    labels: str | None = None,
    label_column: str = "",
    image_size: int = 0,
    keys: str = "",
    as_json: JsonFlag = False,
    untrusted: bool = False,
    pictures: Path | None = None,
) -> None:
    """Report the contents of a data source, the skipped files, and all problems.

    Args:
        source: As for training: mnist, a folder of images, a .zip of such a folder, a .npz file,
            and so on.
        labels: A file of labels: .csv, .tsv, .json, .jsonl, .txt, .npy or IDX.
        label_column: The column of a table that contains the labels.
        image_size: Height and width, in pixels, to which the images are fitted; 0 keeps their
            size.
        keys: Names of the arrays of a .npz file, or of the columns of a table, such as
            images=data,labels=t.
        as_json: Print JSON.
        untrusted: Enforce limits for untrusted uploads (number of files, pixels, memory).
        pictures: A folder to write thumbnails of a few training images to.
    """
    from latentarium.cli.suggestions import suggest_at_size, train_command
    from latentarium.data.check import check_data
    from latentarium.data.sources import load_data
    from latentarium.data.upload_limits import require_within_limits
    from latentarium.files import require_regular, write_atomic
    from latentarium.image_files import thumbnails
    from latentarium.presets.fit import size_warning

    if untrusted:
        require_regular(Path(source))
        require_within_limits(Path(source))
    data = load_data(source, labels, size=image_size, label_column=label_column, keys=keys)
    report = check_data(data)
    if pictures is not None:
        for number, content in enumerate(thumbnails(data.train.images, 12, 48)):
            write_atomic(pictures / f"{number}.png", content)
    suggestions = suggest_at_size(data, image_size)
    if as_json:
        content = [dataclasses.asdict(suggestion) for suggestion in suggestions]
        print_json(report.to_dict() | {"presets": content})
        return
    options = ["--data", source]
    for name, value in (("--labels", labels), ("--label-column", label_column), ("--keys", keys)):
        options += [name, value] if value else []
    options += ["--image-size", str(image_size)] if image_size else []
    lines = report.lines()
    lines.append(f"presets      {', '.join(suggestion.preset for suggestion in suggestions)}")
    lines.append(f"train        {train_command(suggestions[0], options)}")
    warning = size_warning(suggestions[0].config, data.card.image_shape) if image_size else ""
    lines += [f"note         {warning}"] if warning else []
    print_result("\n".join(lines))
