"""Export a trained model to ONNX, and compare the result with the model in onnxruntime.

    decoder   z (N, Z), and label (N, K) if the decoder takes one   ->  images (N, C, H, W)
    encoder   images (N, C, H, W), and label (N, K) if it takes one ->  mean (N, Z), and std (N, Z)
                                                                        for a VAE

Images are floats in [-1, 1], and a label is a row of weights over the classes whose sum is 1. The
number of rows N is free. A file contains its weights, and its metadata (`Export.metadata`)
describe the model, so that it can be used without its run.

References:
    Open Neural Network Exchange, https://onnx.ai; the exporter is that of torch.export,
    https://docs.pytorch.org/docs/stable/onnx_export.html
"""

import copy
import json
import logging
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentarium import __version__
from latentarium.errors import UserError
from latentarium.export.networks import (
    DecoderNetwork,
    EncoderNetwork,
    ExportableNetwork,
    Inputs,
    image_inputs,
    latent_inputs,
)
from latentarium.files import require_writable, write_atomic
from latentarium.models.base import LatentModel
from latentarium.progress import StepProgress
from latentarium.run import Run
from latentarium.warning_filter import ignore_warnings

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-5
"""Largest difference between onnxruntime and the model, relative to the largest output, or
absolute if that is below 1."""
PARITY_ROWS = 7
"""Rows of the comparison; the export itself is traced with another number."""
TRACED_ROWS = 3
TIMED_ROWS = (1, 64)
REPEATS, TIMED_SECONDS = 30, 0.5
"""A latency is the median of up to this many calls, in about this many seconds."""


@dataclass(frozen=True, kw_only=True)
class ExportedNetwork:
    """One exported file."""

    path: Path
    bytes: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    max_error: float
    """Largest absolute difference between onnxruntime's outputs and the model's."""
    milliseconds: dict[int, float]
    """Median time of a call in onnxruntime on this CPU, by number of rows."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """The exported files of a model."""

    decoder: ExportedNetwork
    encoder: ExportedNetwork | None
    """None for a model without an encoder."""
    metadata: dict[str, str]
    """Metadata of both files: values that are not text are JSON."""


def export_onnx(
    run: str | Path | Run, path: str | Path, progress: StepProgress | None = None
) -> Export:
    """Write the decoder of a trained model to an ONNX file, and its encoder, if it has one, to
    another.

    Needs the packages of `latentarium[onnx]`. Nothing is written unless onnxruntime computes what
    the model computes, up to `TOLERANCE`.

    Arguments:
        run: A run, its folder, or shipped:NAME.
        path: The file of the decoder, such as "vae.onnx"; the encoder is "vae-encoder.onnx".
        progress: Reports the progress.

    Raises:
        UserError: A package is missing (code "missing-package"), a file can't be written (code
            "cannot-write"), the model contains operations that ONNX lacks (code
            "not-exportable"), or the exported network differs from the model (code
            "export-differs").
    """
    require_packages()
    path = Path(path)
    opened = run if isinstance(run, Run) else Run(run)
    model = opened.load(prior="trained")
    encoder_path = path.with_name(f"{path.stem}-encoder{path.suffix}")
    for file in (path, encoder_path)[: 1 + model.has_encoder]:
        require_writable(file)
    metadata = _metadata(model) | {"run": opened.id, "weights_sha256": opened.weights_hash()}
    return export_model(model, path, encoder_path, metadata, progress)


def export_model(
    model: LatentModel,
    decoder_path: Path,
    encoder_path: Path,
    metadata: dict[str, str],
    progress: StepProgress | None = None,
) -> Export:
    """Write the networks of a model, as `export_onnx` does, with other metadata."""
    model = copy.deepcopy(model).cpu().float().eval()
    parts: dict[str, tuple[ExportableNetwork, Inputs]] = {
        "decoder": (DecoderNetwork(model), latent_inputs)
    }
    if model.has_encoder:
        parts["encoder"] = (EncoderNetwork(model), image_inputs)
    converted: dict[str, _Converted] = {}
    for role, (network, inputs) in parts.items():
        if progress is not None:
            progress(len(converted), len(parts), role)
        converted[role] = _convert(model, network, inputs, {"role": role, **metadata})
    paths = {"decoder": decoder_path, "encoder": encoder_path}
    written = {role: part.write(paths[role]) for role, part in converted.items()}
    return Export(decoder=written["decoder"], encoder=written.get("encoder"), metadata=metadata)


def require_packages() -> None:
    """Raise an error unless the packages of the extra are installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"The export to ONNX needs packages that are not installed ({', '.join(missing)}): "
            "run pip install 'latentarium[onnx]'.",
            code="missing-package",
        )


def _metadata(model: LatentModel) -> dict[str, str]:
    """Return what a user of the file has to know about the model."""
    is_unbounded = math.isinf(model.image_format.bound)
    values: dict[str, object] = {
        "latentarium_version": __version__,
        "model": model.kind,
        "image_shape": list(model.image_shape),
        "image_range": None if is_unbounded else [-1, 1],
        "value_range": None if is_unbounded else list(model.data.value_range or (0, 255)),
        "latent_dim": model.latent_dim,
        "classes": list(model.classes),
        "takes_label": model.decodes_label,
        "prior": type(model.prior).__name__,
        "data": model.data.source,
    }
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


@dataclass(frozen=True)
class _Converted:
    """A converted network, whose outputs were compared with those of the model."""

    content: bytes
    network: ExportableNetwork
    max_error: float
    milliseconds: dict[int, float]

    def write(self, path: Path) -> ExportedNetwork:
        write_atomic(path, self.content)
        return ExportedNetwork(
            path=path,
            bytes=len(self.content),
            inputs=self.network.inputs,
            outputs=self.network.outputs,
            max_error=self.max_error,
            milliseconds=self.milliseconds,
        )


def _convert(
    model: LatentModel, network: ExportableNetwork, inputs: Inputs, metadata: dict[str, str]
) -> _Converted:
    from onnx import checker, helper

    network.eval()
    batch = torch.export.Dim("batch")
    with _quiet_exporter(), torch.no_grad():
        try:
            program = torch.onnx.export(
                network,
                inputs(model, TRACED_ROWS),
                dynamo=True,
                input_names=network.inputs,
                output_names=network.outputs,
                dynamic_shapes={name: {0: batch} for name in network.inputs},
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter raises errors of many types
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise UserError(
                f"The {metadata['role']} can't be converted to ONNX ({reason[:200]}): use "
                "operations of torch that torch.onnx supports.",
                code="not-exportable",
            ) from error
    assert program is not None
    proto = program.model_proto
    helper.set_model_props(proto, metadata)
    checker.check_model(proto)
    content = proto.SerializeToString()
    session = _session(content)
    return _Converted(
        content,
        network,
        _max_error(session, network, inputs(model, PARITY_ROWS), metadata["role"]),
        {n: _milliseconds(session, network, inputs(model, n)) for n in TIMED_ROWS},
    )


def _session(content: bytes) -> Any:  # noqa: ANN401  of onnxruntime, which has no types
    from onnxruntime import InferenceSession

    return InferenceSession(content, providers=["CPUExecutionProvider"])


def _feed(network: ExportableNetwork, inputs: Sequence[Tensor]) -> dict[str, np.ndarray]:
    return {name: x.numpy() for name, x in zip(network.inputs, inputs, strict=True)}


def _max_error(
    session: Any,  # noqa: ANN401
    network: ExportableNetwork,
    inputs: Sequence[Tensor],
    role: str,
) -> float:
    """Return the largest difference from the model's outputs.

    Raises:
        UserError: It is too large (code "export-differs").
    """
    with torch.no_grad():
        expected = [output.numpy() for output in network(*inputs)]
    actual = session.run(list(network.outputs), _feed(network, inputs))
    worst = 0.0
    for name, ours, theirs in zip(network.outputs, expected, actual, strict=True):
        error = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
        if not error <= TOLERANCE * max(1.0, float(np.abs(ours).max())):
            raise UserError(
                f"The exported {role} differs from the model by {error:.1e} in its output "
                f"{name}; at most {TOLERANCE:.0e} is accepted. Update onnxruntime, or report "
                "this model.",
                code="export-differs",
            )
        worst = max(worst, error)
    return worst


def _milliseconds(session: Any, network: ExportableNetwork, inputs: Sequence[Tensor]) -> float:  # noqa: ANN401
    feed, names = _feed(network, inputs), list(network.outputs)
    session.run(names, feed)  # the first call allocates memory
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < TIMED_SECONDS:
        start = time.perf_counter()
        session.run(names, feed)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence the exporter's warnings, on which a user can't act: torchvision is not installed,
    and names of axes are shared."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with ignore_warnings():
            yield
    finally:
        logger.setLevel(level)
