"""Formats of HTTP requests and responses that several routes share."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from itertools import chain
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from latentarium.errors import UserError, error_to_json
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.named_latents import MAX_NAME
from latentarium.shapes import Pixels

JsonLines = Generator[dict[str, Any], None, None]
"""JSON objects that are sent one per line."""
Iterate = Callable[[Iterator[dict[str, Any]]], AsyncIterator[dict[str, Any]]]
PlaneName = Annotated[str, Query(max_length=MAX_NAME)]


class TextSafeJSONResponse(JSONResponse):
    """A JSON response in which "?" replaces what UTF-8 lacks: bytes of the names of files."""

    def render(self, content: object) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class StreamedResponse(StreamingResponse):
    """A streaming response that closes its generator when it ends.

    The generator is also closed if the client disconnects or stops reading. Otherwise its
    resources would stay in use until garbage collection.

    Arguments:
        parts: Yields the content.
        media_type, headers: As for `StreamingResponse`.
    """

    def __init__(
        self,
        parts: AsyncGenerator[str | bytes, None],
        media_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._parts):
            await super().__call__(scope, receive, send)


def json_lines(lines: JsonLines, iterate: Iterate = iterate_in_threadpool) -> StreamedResponse:
    """Stream JSON objects, one per line, each as soon as it is known.

    An error before the first object is raised here, so the response gets an error status. A later
    error is sent as the last line; see `error_to_json`.

    Arguments:
        lines: The objects.
        iterate: Iterates over them; `RequestLimiter.iterate` for CPU-heavy ones.
    """
    return _JsonLinesResponse(next(lines), lines, iterate)


class _JsonLinesResponse(StreamedResponse):
    def __init__(self, first: dict[str, Any], lines: JsonLines, iterate: Iterate) -> None:
        self._describe_error: Callable[[Exception], str] = str
        self._lines = lines
        super().__init__(self._text(iterate(chain([first], lines))), "application/x-ndjson")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._describe_error = scope["app"].state.describe_error
        with closing(self._lines):  # even if the client left before the first line was sent
            await super().__call__(scope, receive, send)

    async def _text(self, objects: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[str, None]:
        try:
            async for content in objects:
                yield json.dumps(content) + "\n"
        except (UserError, OSError) as error:
            content = error_to_json(self._describe_error(error), error_code(error))
            yield json.dumps(content) + "\n"


def error_code(error: Exception) -> str:
    """Return the code of a `UserError`, or "io-error" for an error of the file system."""
    return error.code if isinstance(error, UserError) else "io-error"


def binary(content: bytes) -> Response:
    """Return a response of raw bytes."""
    return Response(content, media_type="application/octet-stream")


def pixel_bytes(images: Pixels) -> bytes:
    """Return images one after the other, row by row, channels last."""
    return images.permute(0, 2, 3, 1).contiguous().numpy().tobytes()


def ellipse_json(ellipse: Ellipse) -> dict[str, float]:
    """Return an ellipse as JSON values."""
    x, y = ellipse.centre
    return {
        "x": x,
        "y": y,
        "major": ellipse.major,
        "minor": ellipse.minor,
        "angle": ellipse.angle,
    }


def score_rows(scores: np.ndarray) -> list[list[float | None]]:
    """Return rows of `SCORE_COLUMNS` as JSON values, with None for NaN."""
    return [[None if value != value else value for value in row] for row in scores.tolist()]
