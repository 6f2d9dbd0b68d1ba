"""The command export."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import print_json, print_note, print_result
from latentarium.errors import UserError

if TYPE_CHECKING:
    from latentarium.export.html import ExportedPage
    from latentarium.export.onnx import Export, ExportedNetwork


def export(
    run: RunFolder,
    onnx: Path | None = None,
    html: Path | None = None,
    trust: bool = True,
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Export a trained model for use without latentarium: to ONNX, to a web page, or to both.

    Args:
        run: The folder of the run.
        onnx: The ONNX file of the decoder to write, such as vae.onnx. The encoder of an
            autoencoder or a VAE is written next to it, to vae-encoder.onnx. Needs the packages of
            latentarium[onnx].
        html: The web page to write, such as vae.html. It is one file that shows the latent space
            and decodes in the browser, without Python and without a network.
        trust: Measure for the page how unusual the images of an autoencoder or a VAE are; takes
            most of the time.
        data: The new source of the training data, if the data have moved. The page of an
            autoencoder or a VAE needs them.
        as_json: Print JSON.
    """
    if onnx is None and html is None:
        raise UserError(
            "Nothing is exported, since no file is given: add --html FILE.html or --onnx "
            "FILE.onnx.",
            code="nothing-to-export",
        )
    from latentarium.files import require_writable

    for file in (html, onnx):
        if file is not None:
            require_writable(file)
    report: dict[str, Any] = {}
    texts, written = [], []
    if html is not None:
        page = _export_html(run, html, trust, data)
        report["html"] = _page_as_json(page)
        texts.append(_page_table(page))
        written.append(page.path)
    if onnx is not None:
        exported = _export_onnx(run, onnx)
        report["onnx"] = _as_json(exported)
        texts.append(_table(exported))
        networks = (exported.decoder, exported.encoder)
        written += [network.path for network in networks if network is not None]
    if as_json:
        print_json(report)
    else:
        print_result("\n\n".join(texts))
    print_note(f"Written: {', '.join(map(str, written))}.")


def _export_html(run: Path, html: Path, trust: bool, data: str | None) -> "ExportedPage":
    from latentarium.export.html import export_html
    from latentarium.progress import reported_parts

    with reported_parts(f"page of {run}") as progress:
        return export_html(run, html, data=data, trust=trust, progress=progress)


def _export_onnx(run: Path, onnx: Path) -> "Export":
    from latentarium.export.onnx import export_onnx
    from latentarium.progress import reported_parts

    with reported_parts(f"export {run}") as progress:
        return export_onnx(run, onnx, progress)


def _page_as_json(page: "ExportedPage") -> dict[str, Any]:
    return {
        "file": str(page.path),
        "bytes": page.bytes,
        "weights": page.weights,
        "max_error": page.max_error,
        "milliseconds": page.milliseconds,
        "seconds": page.seconds,
    }


def _page_table(page: "ExportedPage") -> str:
    from latentarium.tables import render_table

    row = [
        f"{page.bytes / 1e6:.2f} MB",
        page.weights,
        f"{page.max_error:.1e}",
        f"{page.milliseconds:.2f} ms",
        f"{page.seconds:.1f} s",
    ]
    columns = ["page", "weights", "largest error", "model's time for 1", "written in"]
    return render_table(columns, [row])


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
