"""The decode socket's frames, well-formed and malformed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentarium.errors import UserError
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.studio.protocol import (
    RowKind,
    format_error,
    format_reply,
    parse_request,
    request_id,
)
from support.errors import raises_code
from support.frames import reply, request

COLUMNS, CLASSES = ((16, 2, 1, 2), (64, 2, 1, 2)), (0, 3)


def parse(content):
    return parse_request(content, COLUMNS, CLASSES)


def test_request_round_trip():
    parsed = parse(request([[1.5, -2]]))
    assert (parsed.id, parsed.model, parsed.kind, parsed.n) == (7, 0, RowKind.POINTS, 1)
    np.testing.assert_array_equal(parsed.rows, [[1.5, -2]])
    assert parsed.labels is None
    latents = np.arange(128, dtype=np.float32).reshape(2, 64)
    parsed = parse(request(latents, model=1, kind=0, labels=[[0, 1, 0], [0.5, 0, 0.5]]))
    np.testing.assert_array_equal(parsed.rows, latents)
    assert parsed.labels is not None
    np.testing.assert_array_equal(parsed.labels, [[0, 1, 0], [0.5, 0, 0.5]])


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (3, 3, 5, 7), (2, 1, 3, 3)])
def test_reply_has_pixels_channels_last_and_scores(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    scores = np.random.default_rng(1).random((shape[0], len(SCORE_COLUMNS))).astype(np.float32)
    parsed = parse(request(np.zeros((shape[0], 2))))
    answer = reply(format_reply(parsed, pixels, scores))
    assert (answer["id"], answer["ok"]) == (7, True)
    np.testing.assert_array_equal(answer["pixels"], pixels.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(answer["scores"], scores)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "frame-size"),
        (b"abc", "frame-size"),
        (request([[0, 0]])[:-1], "frame-size"),
        (request([[0, 0]])[:-4], "frame-size"),
        (request([[0, 0]]) + b"1234", "frame-size"),
        (request([[0, 0]], model=2), "unknown-model"),
        (request([[0, 0]], kind=9), "unknown-kind"),
        (request([[0, 0]], n=0), "image-count"),
        (request([[0, 0]], n=65535), "image-count"),
        (request([[0, 0]], flag=7), "invalid-flag"),
        (request([[0, 0, 0]]), "frame-size"),
        (request([[np.nan, 0]]), "not-finite"),
        (request([[np.inf, 0]]), "not-finite"),
        (request([[1e30, 0]]), "not-finite"),
        (request([[0, 0]], model=1, labels=[[0, 0, 0]]), "invalid-weights"),
        (request([[0, 0]], model=1, labels=[[1, -1, 0]]), "invalid-weights"),
        (request([[0, 0]], model=1, labels=[[1, 0]]), "frame-size"),
        (bytes((1 << 20) + 4), "frame-size"),
    ],
)
def test_malformed_request_is_refused_with_code(content, code):
    with raises_code(code):
        parse(content)


def test_error_reply_has_message_and_id():
    answer = reply(format_error(request_id(request([[0, 0]], number=9)), "No. Bad."))
    assert (answer["id"], answer["ok"], answer["error"]) == (9, False, "No. Bad.")
    assert request_id(b"abc") == 0


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(content):
    try:
        parsed = parse(content)
    except UserError:
        return
    assert parsed.rows.shape == (parsed.n, COLUMNS[parsed.model][parsed.kind])
    assert np.isfinite(parsed.rows).all()
