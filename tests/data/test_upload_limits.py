"""Untrusted images are checked against limits before they are decoded."""

import pytest
from PIL import Image

from latentarium.data.upload_limits import UploadLimits, require_within_limits
from support.data_files import image_bytes, write_zip
from support.errors import raises_code


def zip_of(path, *sizes):
    files = {f"{i}.png": image_bytes(Image.new("P", size)) for i, size in enumerate(sizes)}
    return write_zip(path, files | {"broken.png": b"not an image"})


def test_usual_images_pass(tmp_path):
    require_within_limits(zip_of(tmp_path / "z.zip", *[(9, 9)] * 12))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (UploadLimits(max_files=12), "archive-too-large"),
        (UploadLimits(max_bytes=900), "archive-too-large"),
        (UploadLimits(max_pixels=80), "image-too-large"),
        (UploadLimits(max_decoded_bytes=12 * 3 * 81 - 1), "data-too-large"),
    ],
)
def test_each_limit_is_enforced(limits, code, tmp_path):
    with raises_code(code):
        require_within_limits(zip_of(tmp_path / "z.zip", *[(9, 9)] * 12), limits)


def test_tables_of_labels_are_limited(tmp_path):
    path = write_zip(tmp_path / "z.zip", {"labels.csv": b"file,label\n"})
    require_within_limits(path)
    with raises_code("file-too-large"):
        require_within_limits(path, UploadLimits(max_table_bytes=5))


def test_images_of_mixed_sizes_count_at_the_size_they_are_fitted_to(tmp_path):
    path = zip_of(tmp_path / "z.zip", (9000, 100), *[(9, 9)] * 11)
    require_within_limits(path, UploadLimits(max_decoded_bytes=12 * 3 * 64 * 64))
