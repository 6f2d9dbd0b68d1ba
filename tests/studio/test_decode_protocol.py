"""The bytes of the decode socket, well formed and not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentarium.errors import UserError
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.studio.protocol import Kind, id_of, read_request, write_error, write_reply
from support.frames import reply, request

COLUMNS, CLASSES = ((16, 2, 1, 2), (64, 2, 1, 2)), (0, 3)


def read(content):
    return read_request(content, COLUMNS, CLASSES)


def test_what_is_written_is_read():
    found = read(request([[1.5, -2]]))
    assert (found.id, found.model, found.kind, found.n) == (7, 0, Kind.POINTS, 1)
    np.testing.assert_array_equal(found.rows, [[1.5, -2]])
    assert found.labels is None
    latents = np.arange(128, dtype=np.float32).reshape(2, 64)
    found = read(request(latents, model=1, kind=0, labels=[[0, 1, 0], [0.5, 0, 0.5]]))
    np.testing.assert_array_equal(found.rows, latents)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [[0, 1, 0], [0.5, 0, 0.5]])


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (3, 3, 5, 7), (2, 1, 3, 3)])
def test_a_reply_holds_pixels_as_a_canvas_takes_them_and_trust(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    trust = np.random.default_rng(1).random((shape[0], len(SCORE_COLUMNS))).astype(np.float32)
    asked = read(request(np.zeros((shape[0], 2))))
    found = reply(write_reply(asked, pixels, trust))
    assert (found["id"], found["ok"]) == (7, True)
    np.testing.assert_array_equal(found["pixels"], pixels.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(found["trust"], trust)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        request([[0, 0]])[:-1],
        request([[0, 0]])[:-4],
        request([[0, 0]]) + b"1234",
        request([[0, 0]], model=2),
        request([[0, 0]], kind=9),
        request([[0, 0]], n=0),
        request([[0, 0]], n=65535),
        request([[0, 0]], flag=7),
        request([[0, 0, 0]]),
        request([[np.nan, 0]]),
        request([[np.inf, 0]]),
        request([[1e30, 0]]),
        request([[0, 0]], model=1, labels=[[0, 0, 0]]),
        request([[0, 0]], model=1, labels=[[1, -1, 0]]),
        request([[0, 0]], model=1, labels=[[1, 0]]),
        bytes((1 << 20) + 4),
    ],
)
def test_what_is_wrong_is_a_sentence(content):
    with pytest.raises(UserError) as error:
        read(content)
    assert str(error.value).endswith(".")
    said = reply(write_error(id_of(content), str(error.value)))
    assert said["sentence"] == str(error.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_a_sentence(content):
    sentence, found = "", None
    try:
        found = read(content)
    except UserError as error:
        sentence = str(error)
    assert (found is None) == sentence.endswith(".")
    if found is not None:
        assert found.rows.shape == (found.n, COLUMNS[found.model][found.kind])
        assert np.isfinite(found.rows).all()
