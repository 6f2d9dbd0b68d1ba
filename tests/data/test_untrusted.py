"""Pictures of a stranger are bounded before they are decoded."""

import io
import zipfile

import pytest
from PIL import Image

from latentarium.data import untrusted
from latentarium.data.upload_limits import require_within_limits
from latentarium.errors import UserError


def zipped(path, *sizes):
    with zipfile.ZipFile(path, "w") as archive:
        for number, size in enumerate(sizes):
            buffer = io.BytesIO()
            Image.new("P", size).save(buffer, "PNG")
            archive.writestr(f"{number}.png", buffer.getvalue())
        archive.writestr("broken.png", b"no picture")
    return path


def test_usual_pictures_pass(tmp_path):
    require_within_limits(zipped(tmp_path / "z.zip", *[(9, 9)] * 12))


@pytest.mark.parametrize(
    ("bound", "most", "words"),
    [("MOST_FILES", 12, "unpack it yourself"), ("LARGEST", 900, "unpack it yourself"),
     ("MOST_PIXELS", 80, "9 x 9 pixels"), ("LARGEST_DECODED", 2915, "take a part of them")],
)  # fmt: skip
def test_a_bound_is_a_sentence(bound, most, words, tmp_path, monkeypatch):
    path = zipped(tmp_path / "z.zip", *[(9, 9)] * 12)
    monkeypatch.setattr(untrusted, bound, most)
    with pytest.raises(UserError, match=words):
        require_within_limits(path)


def test_many_sizes_are_counted_as_they_are_fitted(tmp_path, monkeypatch):
    path = zipped(tmp_path / "z.zip", (9000, 100), *[(9, 9)] * 11)
    monkeypatch.setattr(untrusted, "LARGEST_DECODED", 12 * 3 * 64 * 64)
    require_within_limits(path)
