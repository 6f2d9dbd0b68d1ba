import gzip

import numpy as np
import pytest
from support.data_files import idx_bytes

from latentarium.data.readers.idx import TYPES, read_idx
from latentarium.errors import UserError

IMAGES = np.arange(2 * 9 * 11).reshape(2, 9, 11) % 256
CONTENT = idx_bytes(IMAGES)


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_is_read_back(tmp_path, code, packed):
    values = np.array([[1, 2, 3], [100, 0, 7]])
    path = tmp_path / "values"
    content = idx_bytes(values, code)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path)
    assert np.array_equal(found, values)
    assert found.dtype == np.dtype(TYPES[code]).newbyteorder("=")
    assert found.flags.writeable  # torch.from_numpy warns otherwise


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CONTENT[:-1], "cut off: its header announces 198 bytes of values (2 x 9 x 11), and 197"),
        (CONTENT + b"!", "goes on after its end"),
        (CONTENT[:10], "cut off within its header"),
        (b"", "not an IDX file (it begins with nothing)"),
        (b"\x89PNG" + CONTENT, "not an IDX file (it begins with 89504e47)"),
        (b"\0\0\x07\x01" + CONTENT, "not an IDX file"),
        (gzip.compress(CONTENT, mtime=0)[:-20], "gzip data is cut off or corrupt"),
        (gzip.compress(CONTENT, mtime=0)[:5], "gzip data is cut off or corrupt"),
        (gzip.compress(CONTENT, mtime=0) + b"garbage", "gzip data is cut off or corrupt"),
        (gzip.compress(CONTENT[:-7], mtime=0), "cut off: its header"),
    ],
)
def test_damage_is_one_sentence_that_names_the_file(tmp_path, content, says):
    path = tmp_path / "some-images"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_no_flipped_byte_in_gzip_passes_unseen(tmp_path, place):
    content = bytearray(gzip.compress(CONTENT, mtime=0))
    index = 10 + place * (len(content) - 11) // 60  # past the header, whose hints don't matter
    content[index] ^= 0xFF
    path = tmp_path / "flipped"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_idx(path)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        read_idx(tmp_path / "none")
    with pytest.raises(UserError, match="can't be read"):
        read_idx(tmp_path)
