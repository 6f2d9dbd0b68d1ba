"""What the page and the server say to each other over the decode socket, in bytes.

Little endian. A request is a header and n rows of float32: latents, points of the map, numbers of
images on it, or places on the lattice of seeds; and after them, where the labels flag is set, n
rows of class weights. The moment is 0 for the model as
it is, else the number, from 1, of a snapshot of its training.

    request   u32 id | u8 model | u8 kind | u16 n | u8 labels | u8 zero | u16 moment | f32 ...
    reply     u32 id | u8 ok    | u8 kind | u16 n | u16 height | u16 width | u8 channels | 3 x u8
              zero | u8 pixels, padded to four bytes | f32 trust, n rows of `SCORE_COLUMNS`

A reply that is not ok holds a sentence in UTF-8 in the place of pixels and trust.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from latentarium.errors import UserError
from latentarium.latent.planes import MAX_COORDINATE

REQUEST = struct.Struct("<IBBHBxH")
REPLY = struct.Struct("<IBBHHHB3x")
MOST = 256
"""Images in one request."""
LARGEST = 1 << 20
"""Bytes of a request."""


class Kind(IntEnum):
    """What the rows of a request are."""

    LATENTS = 0
    POINTS = 1
    IMAGES = 2
    """Encoded and decoded: a reconstruction."""
    SEEDS = 3
    """A model without encoder has them for a map, so there they are its points."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, read but not yet held against its model."""

    id: int
    model: int
    kind: Kind
    n: int
    rows: np.ndarray
    """float32 (n, columns)."""
    labels: np.ndarray | None
    """float32 (n, classes), weights that are not negative."""
    moment: int = 0


def id_of(content: bytes) -> int:
    """The number of a request, for an answer to what can't be read; 0 where there is none."""
    return int.from_bytes(content[:4], "little") if len(content) >= 4 else 0


def read_request(
    content: bytes, columns: tuple[tuple[int, ...], ...], classes: tuple[int, ...]
) -> Request:
    """Reads a request.

    Arguments:
        content: The frame.
        columns: Of each model: how many numbers a row has, by kind.
        classes: Of each model: how many.

    Raises:
        UserError: It is cut, too long, of an unknown model or kind, or holds numbers that are
            not finite.
    """
    if not REQUEST.size <= len(content) <= LARGEST:
        raise UserError(
            f"A request of {len(content):,} bytes can't be read: send {REQUEST.size} to "
            f"{LARGEST:,}."
        )
    number, model, kind, n, labelled, moment = REQUEST.unpack_from(content)
    if model >= len(columns):
        raise UserError(f"There is no model {model} here: reload the page.")
    if kind not in set(Kind):
        raise UserError(f"Rows of kind {kind} are unknown: reload the page.")
    if not 1 <= n <= MOST:
        raise UserError(f"{n} images were asked for: ask for 1 to {MOST}.")
    if labelled > 1:
        raise UserError("The labels flag is 0 or 1: reload the page.")
    wide = columns[model][Kind(kind)]
    sizes = (n * wide, n * classes[model] if labelled else 0)
    values = np.frombuffer(content, "<f4", offset=REQUEST.size) if len(content) % 4 == 0 else None
    if values is None or len(values) != sum(sizes):
        raise UserError(
            f"{n} rows of {wide} numbers take {REQUEST.size + 4 * sum(sizes):,} bytes, not "
            f"{len(content):,}: reload the page."
        )
    if not (np.abs(values) <= MAX_COORDINATE).all():  # nan is not either
        raise UserError("Some numbers are not finite or far too large: move back into the map.")
    rows = values[: sizes[0]].reshape(n, wide)
    labels = values[sizes[0] :].reshape(n, -1) if labelled else None
    if labels is not None and (labels.min() < 0 or (labels.sum(1) <= 0).any()):
        raise UserError("Weights of classes are 0 or more, and not all of them 0.")
    return Request(
        id=number, model=model, kind=Kind(kind), n=n, rows=rows, labels=labels, moment=moment
    )


def write_reply(request: Request, pixels: np.ndarray, trust: np.ndarray) -> bytes:
    """The answer: uint8 pixels (n, channels, height, width), and trust (n, columns)."""
    n, channels, height, width = pixels.shape
    header = REPLY.pack(request.id, 1, request.kind, n, height, width, channels)
    # as a canvas takes them: channels last
    body = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).tobytes()
    return header + body + bytes(-len(body) % 4) + trust.astype("<f4").tobytes()


def write_error(number: int, sentence: str) -> bytes:
    """The answer to what can't be done."""
    return REPLY.pack(number, 0, 0, 0, 0, 0, 0) + sentence.encode()
