"""Export a trained model to one self-contained web page.

The page contains the decoder's weights, and computes images itself. It opens from a disk, without
a server, Python or a network. It shows the map of the latent space with class Gaussians and trust
if the model encodes images, and otherwise a lattice of random latents; and samples.

The weights are 16-bit floats if all images that are compared then differ from the model's by less
than half a grey level, and 32-bit floats otherwise.
"""

import copy
import html
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentarium import __version__
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.export.lowering import lower
from latentarium.export.networks import DecoderNetwork, soft_labels
from latentarium.export.page_map import encode_array, map_json, sources_json
from latentarium.export.program import Program
from latentarium.files import require_writable, write_atomic
from latentarium.latent.latent_map import LatentMap
from latentarium.models.base import LatentModel
from latentarium.progress import StepProgress
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.shapes import LatentSet

MAX_BYTES = 8_000_000
"""Largest size of a page."""
TOLERANCE = 1e-4
"""Largest difference between the steps of the page and the model, for images in [-1, 1]."""
GREY_LEVEL = 2 / 255
"""The distance of two grey levels of images in [-1, 1]."""
COMPARED_ROWS = 64
REPEATS = 20
DATA_MARK, TITLE_MARK = "/*model*/", "<title>latentarium</title>"
"""Places in the built page that are replaced by the model and its title."""


@dataclass(frozen=True, kw_only=True)
class ExportedPage:
    """A written page."""

    path: Path
    bytes: int
    weights: str
    """Type of the weights: "float16" or "float32"."""
    max_error: float
    """Largest difference between the images of the page's steps, with its weights, and the
    model's, for images in [-1, 1]; the steps are computed in torch."""
    milliseconds: float
    """Median time in which the model itself decodes one image on this CPU."""
    seconds: float
    """Duration of the export."""


def export_html(
    run: str | Path | Run,
    path: str | Path,
    *,
    data: str | Data | None = None,
    trust: bool = True,
    progress: StepProgress | None = None,
) -> ExportedPage:
    """Write a page that decodes with a trained model.

    Arguments:
        run: A run, its folder, or shipped:NAME.
        path: The file of the page, such as "vae.html".
        data: The training data, or their new source if they have moved. They are needed for the
            map of a model that encodes images.
        trust: Measure how unusual the images on the map are; this takes most of the time.
        progress: Reports the progress.

    Raises:
        UserError: The file can't be written (code "cannot-write"); the decoder contains operations
            that the page lacks, or it decodes points instead of images (code "not-exportable");
            the page would be too large (code "page-too-large"); the steps of the page differ from
            the model (code "export-differs"); or the training data are missing or differ, as for
            `Run.load_data`.
    """
    started, path = time.monotonic(), Path(path)
    opened = run if isinstance(run, Run) else Run(run)
    model = opened.load(prior="trained")
    require_writable(path)
    decoder = PageDecoder.of(model)
    latent_map = None
    if model.has_encoder and not model.decodes_label and model.latent_dim > 1:
        loaded = data if isinstance(data, Data) else opened.load_data(data)
        latent_map = LatentMap(model, loaded)
        decoder = decoder.compared(model, latent_map.latents)
    content = page(model, decoder, latent_map, trust=trust, progress=progress)
    write_atomic(path, content)
    return ExportedPage(
        path=path,
        bytes=len(content),
        weights=decoder.weights,
        max_error=decoder.max_error,
        milliseconds=_milliseconds(model),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, kw_only=True)
class PageDecoder:
    """The steps and the weights of a page."""

    exact: Program
    """The steps with the weights of the model."""
    program: Program
    """The steps with the weights of the page."""
    weights: str
    """Type of the weights."""
    max_error: float
    """As for `ExportedPage`."""

    @classmethod
    def of(cls, model: LatentModel) -> "PageDecoder":
        """Convert the decoder of a model, and compare it with the model.

        Raises:
            UserError: As for `export_html`.
        """
        if model.image_shape[1:] == (1, 1):
            raise UserError(
                "This model decodes points in the plane, and a page shows images: export it with "
                "--onnx, or open it with latentarium studio.",
                code="not-exportable",
            )
        z, *labels = _compared_inputs(model)
        program = lower(_network(model), [z[:1], *(y[:1] for y in labels)])
        _require_size(_base64_size(2 * program.num_numbers))
        return cls._choose(model, program, [z, *labels])

    def compared(self, model: LatentModel, latents: LatentSet) -> "PageDecoder":
        """Choose the type of the weights again, by images of these latents too.

        Arguments:
            model: The model, whose decoder takes no label.
            latents: Latents of training images.
        """
        (z,) = _compared_inputs(model)
        chosen = latents[fixed_permutation(len(latents))[:COMPARED_ROWS]].float()
        return self._choose(model, self.exact, [torch.cat([z, chosen])])

    @classmethod
    def _choose(
        cls, model: LatentModel, program: Program, inputs: Sequence[Tensor]
    ) -> "PageDecoder":
        with torch.no_grad():
            expected = _network(model)(*inputs)[0]
        error = _difference(program.run(inputs), expected)
        if not error <= TOLERANCE:
            raise UserError(
                f"The page's images would differ from the model's by {error:.1e}; at most "
                f"{TOLERANCE:.0e} is accepted. Check whether decoding is random or depends on the "
                "values of the latent, or report this model.",
                code="export-differs",
            )
        rounded = program.rounded(torch.float16)
        rounding_error = _difference(rounded.run(inputs), expected)
        if rounding_error < GREY_LEVEL / 2:
            return cls(exact=program, program=rounded, weights="float16", max_error=rounding_error)
        _require_size(_base64_size(4 * program.num_numbers))
        return cls(exact=program, program=program, weights="float32", max_error=error)

    def to_json(self) -> dict[str, Any]:
        """Return what the page needs to decode."""
        constants = [constant.numpy().ravel() for constant in self.program.constants]
        numbers = np.concatenate(constants) if constants else np.empty(0, np.float32)
        return {
            "program": self.program.to_json(),
            "weights": encode_array(numbers.astype(self.weights)),
            "weightsType": self.weights,
        }


def page(
    model: LatentModel,
    decoder: PageDecoder,
    latent_map: LatentMap | None = None,
    *,
    trust: bool = True,
    progress: StepProgress | None = None,
) -> bytes:
    """Return the content of a page.

    Arguments:
        model: The model.
        decoder: Its decoder.
        latent_map: Its map; None for a lattice of random latents in place of a map.
        trust, progress: As for `export_html`.

    Raises:
        UserError: The page would be too large (code "page-too-large"), or the package was
            installed without its page (code "page-missing").
    """
    template = _template()
    report = progress or (lambda done, total, label: None)
    content = {
        "version": __version__,
        "kind": model.kind,
        "data": source_name(model.data.source),
        "classes": list(model.classes),
        "imageShape": list(model.image_shape),
        "latentDim": model.latent_dim,
        "decodesLabel": model.decodes_label,
        **decoder.to_json(),
        "map": None if latent_map is None else map_json(latent_map, trust=trust, progress=report),
        "sources": sources_json(model, latent_map),
    }
    text = json.dumps(_finite(content), allow_nan=False)
    for character in "<>&":  # so that no text can end the element that contains the data
        text = text.replace(character, f"\\u{ord(character):04x}")
    title = html.escape(f"{content['kind']}: {content['data']}")
    before, after = template.replace(TITLE_MARK, f"<title>{title}</title>", 1).split(DATA_MARK)
    result = (before + text + after).encode()
    _require_size(len(result))
    return result


def source_name(source: str) -> str:
    """Return the last part of the path of a data set, since a page may be given to others."""
    if source.startswith("hf:"):
        return source
    return PurePath(source.replace("\\", "/")).name or source


def _network(model: LatentModel) -> DecoderNetwork:
    return DecoderNetwork(copy.deepcopy(model).cpu().float()).eval()


def _template() -> str:
    file = files("latentarium.export") / "static" / "page.html"
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(
            "The page was not built when latentarium was installed: install it again with pip.",
            code="page-missing",
        ) from None


def _compared_inputs(model: LatentModel) -> tuple[Tensor, ...]:
    """Return latents of all lengths up to three times those of N(0, I), with labels."""
    factors = torch.linspace(0.1, 3, COMPARED_ROWS)[:, None]
    z = factors * Noise("page", 0).normal(COMPARED_ROWS, model.latent_dim)
    return (z, soft_labels(model, COMPARED_ROWS)) if model.decodes_label else (z,)


def _difference(x: Tensor, y: Tensor) -> float:
    """Return the largest difference, infinite if a number is not finite."""
    error = float((x - y).abs().max()) if x.shape == y.shape else np.inf
    return error if error == error else np.inf


def _base64_size(num_bytes: int) -> int:
    return 4 * num_bytes // 3


def _require_size(num_bytes: int) -> None:
    if num_bytes > MAX_BYTES:
        raise UserError(
            f"The page would have {num_bytes / 1e6:,.1f} MB, and at most {MAX_BYTES / 1e6:g} MB "
            "open quickly everywhere: export with --onnx, or train a smaller model (width, depth, "
            "hidden).",
            code="page-too-large",
        )


def _milliseconds(model: LatentModel) -> float:
    network = _network(model)
    inputs = [x[:1] for x in _compared_inputs(model)]
    times: list[float] = []
    with torch.no_grad():
        for _ in range(REPEATS):
            start = time.perf_counter()
            network(*inputs)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _finite(value: Any) -> Any:  # noqa: ANN401  any JSON
    """Return JSON in which None replaces all numbers that are not finite."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
