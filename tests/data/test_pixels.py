"""Arrays and files of every depth become 8-bit pixels by rules that the notes state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentarium.data.arrays import RawData, to_data
from latentarium.data.pixels import scale
from latentarium.data.sources import load_data
from latentarium.data.storage import Storage
from support.data_files import image_bytes, write_files
from support.errors import raises_code

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def convert(train, value_range=None, **parts):
    """Convert arrays by split; the storage is divided into blocks of a few images."""
    raw = RawData(source="x", images={"train": train, **parts}, labels={})
    return to_data(raw, Storage(block_size=700, convert_size=500), value_range)


def all_images(data) -> np.ndarray:
    return np.concatenate([split.images.numpy() for split in data.splits().values()])


# ------------------------------------------------------------------------------- types


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.int32, np.int64, np.uint64])
def test_whole_numbers_of_bytes_stay_as_they_are(dtype):
    data = convert(BYTES.astype(dtype))
    assert data.card.fingerprint == convert(BYTES).card.fingerprint
    assert data.card.value_range is None
    assert any(np.dtype(dtype).name in note for note in data.notes)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16])
def test_truth_values_and_zeros_and_ones_become_black_and_white(dtype):
    values = BYTES > 99
    data = convert(values.astype(dtype))
    assert data.card.fingerprint == convert(values * np.uint8(255)).card.fingerprint
    assert any("0 and 255" in note for note in data.notes)


def test_bytes_of_zeros_and_ones_stay_as_they_are():
    assert convert((BYTES > 99).astype(np.uint8)).train.images.max() == 1


def test_floats_from_0_to_1_are_noted_and_bytes_are_not():
    assert convert(BYTES).notes == ()
    data = convert(BYTES / 255)
    assert data.card.fingerprint == convert(BYTES).card.fingerprint
    assert any("255 x" in note for note in data.notes)


@pytest.mark.parametrize("dtype", ["c16", "M8[s]", "m8[s]", "U3", "S3", "V4"])
def test_other_types_are_refused(dtype):
    with raises_code("wrong-type"):
        convert(np.zeros((12, 9, 9), dtype))


@pytest.mark.parametrize("value", [1e300, -1e300, 2.0])
def test_a_single_float_outside_0_to_1_is_refused(value):
    images = BYTES / 255
    images[3, 2, 1] = value
    with raises_code("out-of-range"):
        convert(images)


@pytest.mark.parametrize(
    ("low", "high", "fix"),
    [(-1, 1, "(x + 1) / 2"), (0, 255, "divide"), (-3, 9, "rescale"), (-0.02, 1.01, "clip")],
)
def test_floats_outside_0_to_1_are_refused_with_the_fix(low, high, fix):
    with raises_code("out-of-range") as caught:
        convert(BYTES / 255 * (high - low) + low)
    assert fix in str(caught.value)


def test_masked_and_sparse_arrays_are_refused():
    with raises_code("masked-array"):
        convert(np.ma.masked_greater(BYTES, 200))
    assert convert(np.ma.masked_greater(BYTES, 255)).card == convert(BYTES).card
    with raises_code("wrong-type"):
        convert(torch.zeros(12, 9, 9).to_sparse())


@pytest.mark.parametrize("dtype", [">u2", ">i4", ">f4"])
def test_the_byte_order_does_not_matter(dtype):
    values = BYTES / 255 if dtype == ">f4" else BYTES.astype(int) * 9
    swapped = convert(values.astype(dtype))
    assert swapped.card == convert(values.astype(np.dtype(dtype).newbyteorder("="))).card


def test_splits_of_different_depths_are_refused():
    with raises_code("wrong-type"):
        convert(BYTES, test=BYTES.astype(np.uint16) * 100)


# ------------------------------------------------------------------------------- range


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.uint16, 0, 4095), (np.int16, -500, 1000), (np.int32, -(2**31), 2**31 - 1),
     (np.uint32, 0, 2**32 - 1), (np.int64, -(2**60), 2**60), (np.uint64, 0, 2**63)],
)  # fmt: skip
def test_deeper_values_are_scaled_by_the_range_of_the_training_images(dtype, low, high):
    values = (BYTES / 255 * (high - low) + low).astype(dtype)
    data = convert(values, test=values[:10], validation=values[:10])
    assert data.card.value_range == (float(values.min()), float(values.max()))
    assert abs(all_images(data)[:40, 0].astype(int) - BYTES).max() <= 1
    assert data.train.images.min() == 0
    assert data.train.images.max() == 255
    assert any(f"{high:,}" in note for note in data.notes if high == 4095) or high != 4095


def test_held_out_values_outside_the_range_are_clamped_and_counted():
    train = BYTES.astype(np.uint16) + 1000
    test = train[:10].copy()
    test[0], test[1] = 0, 9000
    data = convert(train, test=test, validation=train[:5])
    assert data.card.value_range == (1000, 1255)
    assert torch.equal(data.train.images[:, 0], torch.from_numpy(BYTES))
    assert data.test.images[:2, 0, 0, 0].tolist() == [0, 255]
    assert any("2 images" in note for note in data.notes)


def test_the_range_is_that_of_the_training_images_only():
    values = BYTES.astype(np.uint16) * 7
    data = convert(values)
    order = np.random.RandomState(1998).permutation(40)
    train = values[np.sort(order[:32])]
    assert data.card.value_range == (train.min(), train.max())


def test_constant_deep_images_are_black():
    data = convert(np.full((12, 9, 9), 3000, np.uint16))
    assert data.card.value_range == (3000, 3000)
    assert not all_images(data).any()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_stored_range_scales_later_images_like_the_training_images(dtype):
    first = convert(BYTES.astype(np.uint16) * 100 + 500)
    assert first.card.value_range is not None
    later = convert((BYTES.astype(dtype) * 100 + 500)[:20] // 2, first.card.value_range)
    expected = scale((BYTES[:20].astype(np.uint16) * 100 + 500) // 2, first.card.value_range)
    assert np.array_equal(np.sort(all_images(later).ravel()), np.sort(expected.ravel()))
    dark = convert((BYTES % 200).astype(np.uint16), (0.0, 4000.0))  # of a byte, but deep
    assert dark.train.images.max() <= 13
    assert convert(BYTES, (0.0, 4000.0)).card == convert(BYTES).card


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=20),
    st.integers(-(2**31), 2**31), st.integers(0, 2**32),
)  # fmt: skip
def test_scaling_is_the_nearest_pixel_and_monotonic(values, low, extent):
    array = np.array(values)
    pixels = scale(array, (float(low), float(low + extent)))
    clipped = array.clip(low, low + extent)
    if extent:
        exact = (clipped - low) / extent * 255
        assert abs(pixels - exact).max() <= 0.5 + 1e-6
    order = np.argsort(array)
    assert (np.diff(pixels[order].astype(int)) >= 0).all()


# ------------------------------------------------------------------------- channel axis


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((12, 64, 64, 13), (13, 64, 64)), ((12, 13, 64, 64), (13, 64, 64)),
        ((12, 64, 64, 3), (3, 64, 64)), ((12, 3, 64, 64), (3, 64, 64)),
        ((12, 20, 30, 10), (10, 20, 30)), ((12, 10, 30, 20), (10, 30, 20)),
        ((12, 16, 16, 16), (16, 16, 16)), ((12, 8, 13, 2), (2, 8, 13)), ((12, 9, 8), (1, 9, 8)),
    ],
)  # fmt: skip
def test_the_channel_axis_leaves_square_images_or_is_the_shorter_one(shape, expected):
    data = convert(RNG.integers(0, 256, shape, dtype=np.uint8))
    assert data.card.image_shape == expected
    noted = any(f"{expected[0]} channels" in note for note in data.notes)
    assert noted == (expected[0] not in (1, 3))


# ------------------------------------------------------------------------- transparency


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("form", ["uint8", "float", "int64", "uint16"])
def test_transparency_is_composited_on_white(channels, form):
    images = RNG.integers(0, 256, (12, 9, 10, channels), dtype=np.uint8)
    images[..., -1] = RNG.choice([0, 255, 255, 128], (12, 9, 10))
    opacity = images[..., -1:] / 255
    expected = (images[..., :-1] * opacity + 255 * (1 - opacity)).transpose(0, 3, 1, 2)
    given = {
        "uint8": images, "float": images / 255, "int64": images.astype(int),
        "uint16": images.astype(np.uint16) * 257,
    }[form]  # fmt: skip
    data = convert(given)
    result = all_images(data)
    assert abs(np.sort(result.ravel()) - np.sort(expected.ravel())).max() <= 1.01
    assert data.card.image_shape == (channels - 1, 9, 10)
    assert any("transparency" in note for note in data.notes)


@pytest.mark.parametrize(
    "fourth",
    [RNG.integers(0, 256, (12, 9, 10)), np.zeros((12, 9, 10)), np.full((12, 9, 10), 90)],
)
def test_a_fourth_channel_that_is_not_transparency_is_kept_and_noted(fourth):
    images = RNG.integers(0, 256, (12, 9, 10, 4), dtype=np.uint8)
    images[..., 3] = fourth
    data = convert(images)
    assert data.card.image_shape == (4, 9, 10)
    assert any("first three" in note for note in data.notes)


def test_masks_of_four_classes_are_not_transparency():
    masks = np.eye(4, dtype=np.uint8)[RNG.integers(0, 4, (12, 9, 10))]
    assert convert(masks * np.uint8(255)).card.image_shape == (4, 9, 10)
    assert convert(masks.astype(bool)).card.image_shape == (4, 9, 10)


# -------------------------------------------------------------------------------- files


def deep_png(values: np.ndarray) -> bytes:
    return image_bytes(Image.fromarray(values.astype(np.uint16)))


def test_12_bit_files_are_scaled_by_their_range(tmp_path):
    ramp = np.linspace(0, 4095, 99).reshape(9, 11)
    files = {f"{i}.png": deep_png(np.roll(ramp, i)) for i in range(20)}
    data = load_data(write_files(tmp_path / "p", files))
    assert data.card.value_range == (0, 4095)
    assert data.train.images[0].flatten().sort().values[[0, -1]].tolist() == [0, 255]
    assert any("16-bit values from 0 to 4,095" in note for note in data.notes)
    again = load_data(tmp_path / "p")  # from the cache
    assert (again.card, again.notes) == (data.card, data.notes)


def test_full_16_bit_files_keep_the_upper_byte(tmp_path):
    values = [(RNG.integers(0, 256, (9, 11)) * 257).astype(np.uint16) for _ in range(12)]
    for image in values:
        image[0, :2] = 0, 65_535
    data = load_data(
        write_files(tmp_path / "p", {f"{i}.png": deep_png(v) for i, v in enumerate(values)})
    )
    expected = {(image // 257).astype(np.uint8).tobytes() for image in values}
    assert {image.tobytes() for image in all_images(data)} == expected


def test_8_bit_images_among_deep_ones_keep_their_values(tmp_path):
    files = {f"a{i}.png": image_bytes(Image.fromarray(BYTES[i])) for i in range(10)}
    files |= {f"b{i}.png": deep_png(BYTES[i].astype(np.uint16) * 16) for i in range(10)}
    raw_range = (float(BYTES[:10].min() * 16), float(BYTES[:10].max()) * 16)
    data = load_data(write_files(tmp_path / "p", files))
    assert data.card.value_range is not None
    assert data.card.value_range[1] <= raw_range[1]
    originals = {image.tobytes() for image in BYTES[:10]}
    assert sum(image.tobytes() in originals for image in all_images(data)) >= 10
    assert any("10 images of 8 bits" in note for note in data.notes)


def test_a_broken_deep_file_leaves_8_bit_images_unchanged(tmp_path):
    files = {f"{i}.png": image_bytes(Image.fromarray(BYTES[i])) for i in range(30)}
    expected = load_data(write_files(tmp_path / "p", files)).card
    (tmp_path / "p" / "bad.png").write_bytes(deep_png(RNG.integers(0, 9999, (9, 11)))[:90])
    data = load_data(tmp_path / "p")
    assert data.card == expected
    assert not any("8-bit values" in note for note in data.notes)


def test_float_files_are_scaled_and_a_mixture_with_whole_numbers_is_refused(tmp_path):
    maps = [RNG.normal(0, 10, (9, 11)).astype(np.float32) for _ in range(12)]
    maps[0][2, 2] = np.nan
    files = {f"{i}.tif": image_bytes(Image.fromarray(m), "TIFF") for i, m in enumerate(maps)}
    data = load_data(write_files(tmp_path / "p", files))
    assert data.card.value_range is not None
    low, high = data.card.value_range
    assert -60 < low < 0 < high < 60
    assert any("1 images have pixels without a value" in note for note in data.notes)
    write_files(tmp_path / "p", {"z.png": deep_png(BYTES[0])})
    with raises_code("mixed-depth"):
        load_data(tmp_path / "p")


@pytest.mark.parametrize("value_range", [(5.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_a_range_must_be_a_smallest_and_a_largest_value(value_range):
    with raises_code("invalid-range"):
        load_data(BYTES.astype(np.uint16) * 9, value_range=value_range)


def test_grey_deep_images_among_coloured_ones_become_colour(tmp_path):
    colour = RNG.integers(0, 256, (10, 9, 11, 3), dtype=np.uint8)
    files = {f"a{i}.png": image_bytes(Image.fromarray(c)) for i, c in enumerate(colour)}
    files |= {f"b{i}.png": deep_png(BYTES[i].astype(np.uint16) * 257) for i in range(10)}
    for size in (0, 16):
        data = load_data(write_files(tmp_path / "p", files), size=size)
        assert data.card.image_shape == (3, *((size, size) if size else (9, 11)))
        assert data.card.value_range is not None
    grey = [image for image in all_images(data) if (image == image[:1]).all()]
    assert len(grey) == 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 2)])
def test_deep_images_of_extreme_shapes_are_fitted(tmp_path, shape):
    files = {f"{i}.png": deep_png(RNG.integers(0, 5000, shape)) for i in range(12)}
    assert load_data(write_files(tmp_path / "p", files), size=8).card.image_shape == (1, 8, 8)
