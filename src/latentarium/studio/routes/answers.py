"""What routes ask for and answer with, in one form for all of them."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from itertools import chain
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Response
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from latentarium.errors import UserError
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.named_latents import MAX_NAME
from latentarium.shapes import Pixels
from latentarium.studio.limiter import Streamed
from latentarium.studio.registry import Gallery, Missing

Lines = Generator[dict[str, Any], None, None]
Each = Callable[[Iterator[dict[str, Any]]], AsyncIterator[dict[str, Any]]]
PlaneName = Annotated[str, Query(max_length=MAX_NAME)]


def mapped(gallery: Gallery, index: int, moment: int = 0) -> LatentMap:
    """A model's map.

    Raises:
        Missing: It has none, or there is no such model or moment.
    """
    latent_map = gallery.latent_map(index, moment)
    if not latent_map.can_encode:
        raise Missing("This model has no encoder, and so no map of images: choose one that has.")
    return latent_map


def binary(content: bytes) -> Response:
    """Bytes as they are."""
    return Response(content, media_type="application/octet-stream")


def pixel_bytes(images: Pixels) -> bytes:
    """Images one after the other, row by row, channels last."""
    return images.permute(0, 2, 3, 1).contiguous().numpy().tobytes()


def plain(one: Ellipse) -> dict[str, float]:
    """An ellipse as the page takes it."""
    x, y = one.centre
    return {"x": x, "y": y, "major": one.major, "minor": one.minor, "angle": one.angle}


def trust_rows(trust: np.ndarray) -> list[list[float | None]]:
    """Rows of `SCORE_COLUMNS` as JSON has them, which knows no nan."""
    return [[None if value != value else value for value in row] for row in trust.tolist()]


def streamed(lines: Lines, each: Each = iterate_in_threadpool) -> Streamed:
    """JSON objects, one a line, each told when it is known. What can't be begun is said before the
    answer begins, what fails later in a last line; whoever asked and went away ends it.

    Arguments:
        lines: The objects.
        each: Asks for one after the other: `step_in_line` where they take the processors.
    """
    return _Told(next(lines), lines, each)


class _Told(Streamed):
    def __init__(self, first: dict[str, Any], lines: Lines, each: Each) -> None:
        self._sentence: Callable[[Exception], str] = str
        objects = each(chain([first], lines))
        super().__init__(self._text(objects, lines), "application/x-ndjson")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sentence = scope["app"].state.sentence
        await super().__call__(scope, receive, send)

    async def _text(
        self, objects: AsyncIterator[dict[str, Any]], lines: Lines
    ) -> AsyncGenerator[str, None]:
        try:
            async for one in objects:
                yield json.dumps(one) + "\n"
        except (UserError, OSError) as error:
            yield json.dumps({"trouble": self._sentence(error)}) + "\n"
        finally:
            lines.close()
