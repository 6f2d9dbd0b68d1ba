"""Binary frames of the decode socket, little endian.

A request is a header and n rows of float32: latents, map points, image numbers, or coordinates on
the seed lattice. If the labels flag is set, n rows of class weights follow. `snapshot` is 0 for
the model itself, or the number of a training snapshot, from 1.

    request   u32 id | u8 model | u8 kind | u16 n | u8 labels | u8 zero | u16 snapshot | f32 ...
    reply     u32 id | u8 ok    | u8 kind | u16 n | u16 height | u16 width | u8 channels | 3 x u8
              zero | u8 pixels, padded to four bytes | f32 scores, n rows of `SCORE_COLUMNS`

If `ok` is 0, the header is followed by an error message instead of pixels and scores: JSON in
UTF-8, as `text_to_json` returns it.
"""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from latentarium.errors import UserError
from latentarium.latent.planes import MAX_COORDINATE
from latentarium.texts import Text, text_to_json

REQUEST = struct.Struct("<IBBHBxH")
REPLY = struct.Struct("<IBBHHHB3x")
MAX_IMAGES = 256
"""Images per request."""
MAX_REQUEST_BYTES = 1 << 20


class RowKind(IntEnum):
    """What the rows of a request contain."""

    LATENTS = 0
    POINTS = 1
    """Points on the map; for a model without an encoder, on the seed lattice."""
    IMAGES = 2
    """Image numbers; the reply contains their reconstructions."""
    SEEDS = 3
    """Coordinates on the seed lattice."""


@dataclass(frozen=True, kw_only=True)
class DecodeRequest:
    """A parsed request, not yet checked against its model."""

    id: int
    model: int
    kind: RowKind
    n: int
    rows: np.ndarray
    """float32 (n, columns)."""
    labels: np.ndarray | None
    """float32 (n, classes), non-negative class weights."""
    snapshot: int = 0


def request_id(content: bytes) -> int:
    """Return the id of a frame that may be malformed; 0 if it is too short to contain an id."""
    return int.from_bytes(content[:4], "little") if len(content) >= 4 else 0


def parse_request(
    content: bytes, columns: tuple[tuple[int, ...], ...], classes: tuple[int, ...]
) -> DecodeRequest:
    """Parse and validate a request.

    Arguments:
        content: The frame.
        columns: The number of columns of a row, per model and `RowKind`.
        classes: The number of classes, per model.

    Raises:
        UserError: The frame has a wrong size (code "frame-size"), names an unknown model or kind
            ("unknown-model", "unknown-kind"), asks for too many images ("image-count"), or
            contains an invalid flag ("invalid-flag"), coordinate ("not-finite") or class weight
            ("invalid-weights").
    """
    if not REQUEST.size <= len(content) <= MAX_REQUEST_BYTES:
        raise UserError(
            Text(
                "The request has {count:,} bytes; it must have {size} to {limit:,}.",
                count=len(content),
                size=REQUEST.size,
                limit=MAX_REQUEST_BYTES,
            ),
            code="frame-size",
        )
    number, model, kind, n, labelled, snapshot = REQUEST.unpack_from(content)
    if model >= len(columns):
        raise UserError(
            Text("There is no model {model}: reload the page.", model=model), code="unknown-model"
        )
    if kind not in set(RowKind):
        raise UserError(
            Text("Rows of kind {kind} are unknown: reload the page.", kind=kind),
            code="unknown-kind",
        )
    if not 1 <= n <= MAX_IMAGES:
        raise UserError(
            Text("{n} images are requested; request 1 to {limit}.", n=n, limit=MAX_IMAGES),
            code="image-count",
        )
    if labelled > 1:
        raise UserError(
            Text(
                "The labels flag is {labelled}; it must be 0 or 1: reload the page.",
                labelled=labelled,
            ),
            code="invalid-flag",
        )
    width = columns[model][RowKind(kind)]
    sizes = (n * width, n * classes[model] if labelled else 0)
    values = np.frombuffer(content, "<f4", offset=REQUEST.size) if len(content) % 4 == 0 else None
    if values is None or len(values) != sum(sizes):
        raise UserError(
            Text(
                "The request has {count:,} bytes; {n} rows of {width} numbers need "
                "{size:,}: reload the page.",
                count=len(content),
                n=n,
                width=width,
                size=REQUEST.size + 4 * sum(sizes),
            ),
            code="frame-size",
        )
    if not (np.abs(values) <= MAX_COORDINATE).all():  # false for NaN too
        raise UserError(
            "Some coordinates are not finite or are too large: move back to the map.",
            code="not-finite",
        )
    rows = values[: sizes[0]].reshape(n, width)
    labels = values[sizes[0] :].reshape(n, -1) if labelled else None
    if labels is not None and (labels.min() < 0 or (labels.sum(1) <= 0).any()):
        raise UserError(
            "The class weights of an image are negative or all 0: give at least one positive "
            "weight.",
            code="invalid-weights",
        )
    return DecodeRequest(
        id=number,
        model=model,
        kind=RowKind(kind),
        n=n,
        rows=rows,
        labels=labels,
        snapshot=snapshot,
    )


def format_reply(request: DecodeRequest, pixels: np.ndarray, scores: np.ndarray) -> bytes:
    """Return the reply to a request.

    Arguments:
        request: The request.
        pixels: uint8 (n, channels, height, width).
        scores: float32 (n, len(SCORE_COLUMNS)).
    """
    n, channels, height, width = pixels.shape
    header = REPLY.pack(request.id, 1, request.kind, n, height, width, channels)
    # a canvas expects channels last
    body = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).tobytes()
    return header + body + bytes(-len(body) % 4) + scores.astype("<f4").tobytes()


def format_error(number: int, message: str) -> bytes:
    """Return the reply to a request that failed."""
    content = json.dumps(text_to_json(message), ensure_ascii=False)
    return REPLY.pack(number, 0, 0, 0, 0, 0, 0) + content.encode("utf-8", "replace")
