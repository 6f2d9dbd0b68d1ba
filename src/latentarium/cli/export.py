"""The command export."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import print_json, print_note, print_result
from latentarium.errors import UserError

if TYPE_CHECKING:
    from latentarium.export.onnx import Export, ExportedNetwork


def export(run: RunFolder, onnx: Path | None = None, as_json: JsonFlag = False) -> None:
    """Export a trained model for use without latentarium.

    Args:
        run: The folder of the run.
        onnx: The ONNX file of the decoder to write, such as vae.onnx. The encoder of an
            autoencoder or a VAE is written next to it, to vae-encoder.onnx. Needs the packages of
            latentarium[onnx].
        as_json: Print JSON.
    """
    if onnx is None:
        raise UserError(
            "Nothing is exported, since no file is given: add --onnx FILE.onnx.",
            code="nothing-to-export",
        )
    from latentarium.export.onnx import export_onnx
    from latentarium.progress import reported_parts

    with reported_parts(f"export {run}") as report:
        exported = export_onnx(run, onnx, report)
    if as_json:
        print_json({"onnx": _as_json(exported)})
    else:
        print_result(_table(exported))
    networks = [n for n in (exported.decoder, exported.encoder) if n is not None]
    print_note(f"Written: {', '.join(str(network.path) for network in networks)}.")


def _as_json(exported: "Export") -> dict[str, object]:
    return {
        "decoder": _network_as_json(exported.decoder),
        "encoder": None if exported.encoder is None else _network_as_json(exported.encoder),
        "metadata": exported.metadata,
    }


def _network_as_json(network: "ExportedNetwork") -> dict[str, Any]:
    return {
        "file": str(network.path),
        "bytes": network.bytes,
        "inputs": network.inputs,
        "outputs": network.outputs,
        "max_error": network.max_error,
        "milliseconds": network.milliseconds,
    }


def _table(exported: "Export") -> str:
    from latentarium.tables import render_table

    rows = []
    for role, network in (("decoder", exported.decoder), ("encoder", exported.encoder)):
        if network is not None:
            rows.append([
                role,
                ", ".join(network.inputs),
                ", ".join(network.outputs),
                f"{network.bytes / 1e6:.2f} MB",
                f"{network.max_error:.1e}",
                *(f"{time:.2f} ms" for time in network.milliseconds.values()),
            ])  # fmt: skip
    rows_timed = [f"time for {n}" for n in exported.decoder.milliseconds]
    columns = ["network", "inputs", "outputs", "size", "largest error", *rows_timed]
    return render_table(columns, rows)
