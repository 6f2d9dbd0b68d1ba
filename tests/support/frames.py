"""Frames of the decode socket, written and read from the protocol's description alone."""

import base64
import json
import struct

import numpy as np

from latentarium.latent.calibration import SCORE_COLUMNS


def request(rows, model=0, kind=1, labels=None, number=7, n=None, flag=None, snapshot=0) -> bytes:
    """Return a request; `n` and `flag` replace the right values of the header."""
    rows = np.atleast_2d(np.asarray(rows, "<f4"))
    extra = b"" if labels is None else np.asarray(labels, "<f4").tobytes()
    flag = int(labels is not None) if flag is None else flag
    n = len(rows) if n is None else n
    return struct.pack("<IBBHBxH", number, model, kind, n, flag, snapshot) + rows.tobytes() + extra


def reply(content: bytes) -> dict:
    """Parse a reply."""
    number, ok, kind, n, height, width, channels = struct.unpack_from("<IBBHHHB", content)
    if not ok:
        return {"id": number, "ok": False, "error": json.loads(content[16:])["text"]}
    size = n * height * width * channels
    pixels = np.frombuffer(content, np.uint8, size, 16).reshape(n, height, width, channels)
    scores = np.frombuffer(content, "<f4", offset=16 + size + -size % 4).reshape(
        n, len(SCORE_COLUMNS)
    )
    return {"id": number, "ok": True, "kind": kind, "pixels": pixels, "scores": scores}


def layer(text: str) -> np.ndarray:
    """Return the values of a streamed gap layer, in the order of arrival."""
    values = [base64.b64decode(json.loads(line)["values"]) for line in text.splitlines()]
    return np.frombuffer(b"".join(values), "<f4")
