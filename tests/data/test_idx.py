import gzip

import numpy as np
import pytest

from latentarium.data.readers.idx import DTYPES, read_idx
from latentarium.errors import UserError
from support.data_files import idx_bytes
from support.errors import raises_code

IMAGES = np.arange(2 * 9 * 11).reshape(2, 9, 11) % 256
CONTENT = idx_bytes(IMAGES)


@pytest.mark.parametrize("code", DTYPES)
@pytest.mark.parametrize("compressed", [False, True])
def test_every_type_round_trips(tmp_path, code, compressed):
    values = np.array([[1, 2, 3], [100, 0, 7]])
    path = tmp_path / "values"
    content = idx_bytes(values, code)
    path.write_bytes(gzip.compress(content) if compressed else content)
    read = read_idx(path)
    assert np.array_equal(read, values)
    assert read.dtype == np.dtype(DTYPES[code]).newbyteorder("=")
    assert read.flags.writeable  # torch.from_numpy warns otherwise


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (CONTENT[:-1], "damaged-file"),
        (CONTENT + b"!", "damaged-file"),
        (CONTENT[:10], "damaged-file"),
        (b"", "not-idx"),
        (b"\x89PNG" + CONTENT, "not-idx"),
        (b"\0\0\x07\x01" + CONTENT, "not-idx"),
        (gzip.compress(CONTENT, mtime=0)[:-20], "damaged-file"),
        (gzip.compress(CONTENT, mtime=0)[:5], "damaged-file"),
        (gzip.compress(CONTENT, mtime=0) + b"garbage", "damaged-file"),
        (gzip.compress(CONTENT[:-7], mtime=0), "damaged-file"),
    ],
)
def test_damage_is_an_error_that_names_the_file(tmp_path, content, code):
    path = tmp_path / "some-images"
    path.write_bytes(content)
    with raises_code(code) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_truncated_file_is_reported_with_its_sizes(tmp_path):
    path = tmp_path / "some-images"
    path.write_bytes(CONTENT[:-1])
    with raises_code("damaged-file") as caught:
        read_idx(path)
    for number in ("198", "197", "2 x 9 x 11"):
        assert number in str(caught.value)


@pytest.mark.parametrize("position", range(0, 60, 3))
def test_no_flipped_byte_in_gzip_is_accepted(tmp_path, position):
    content = bytearray(gzip.compress(CONTENT, mtime=0))
    index = 10 + position * (len(content) - 11) // 60  # after the header, which is not checked
    content[index] ^= 0xFF
    path = tmp_path / "flipped"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_idx(path)


def test_missing_and_unreadable_files(tmp_path):
    with raises_code("file-not-found"):
        read_idx(tmp_path / "none")
    with raises_code("unreadable-file"):
        read_idx(tmp_path)
