"""Turn any picture into an image like those of a data set: fitted, inverted, cleaned, centred."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from latentarium.data.image_decoding import BrokenImageError, decode_image
from latentarium.data.layout import (
    CENTRED,
    SAME_SIZE,
    ImageLayout,
    edge_pixels,
    find_subject,
)
from latentarium.errors import UserError
from latentarium.shapes import Pixels
from latentarium.texts import Text, text_of

RESAMPLING = Image.Resampling.LANCZOS
LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the luma of a colour (ITU-R BT.601)."""
MAX_SIDE = 8192
WORKING_SIDE = 1024
"""Larger pictures are scaled down first."""
MAX_MARGIN = 8.0
"""Largest size of the part that becomes the image, in units of the picture's longer side."""
NOISE_QUANTILE = 0.98
"""Quantile of the differences at the edges up to which a difference is taken for noise."""
PEAK_QUANTILE = 0.995
MAX_GAIN = 4.0
"""Largest factor by which thin strokes are brightened after they were scaled down."""
UNIFORM = 40.0
"""Largest median difference from a plane at the edges of a picture with a uniform background."""


@dataclass(frozen=True, kw_only=True)
class PreparedImage:
    """An image for a model, and what was done to the picture."""

    image: Pixels
    """(1, C, H, W), uint8."""
    fitted: bool
    """True: the whole picture is in the image; False: its middle was cut out."""
    inverted: bool
    cleaned: bool
    centred: bool


def read_picture(picture: object) -> np.ndarray:
    """Return a picture as uint8 (H, W, C) with one or three channels.

    Arguments:
        picture: A path, a Pillow image, or an array or tensor (H, W), (H, W, 1), (H, W, 3),
            (1, H, W) or (3, H, W), uint8.

    Raises:
        UserError: It can't be read (code "not-an-image"), or is of another shape or type (code
            "shape-mismatch").
    """
    if isinstance(picture, (str, Path)):
        try:
            picture = Path(picture).read_bytes()
        except OSError as error:
            raise UserError(
                Text(
                    "{picture} can't be read: {reason}.",
                    picture=picture,
                    reason=error.strerror or error,
                ),
                code="not-an-image",
            ) from None
    if isinstance(picture, (bytes, Image.Image)):
        try:
            decoded = decode_image(picture, grey=False).pixels
        except BrokenImageError as error:
            raise UserError(
                Text(
                    "The picture can't be decoded: {problem}. Choose another file.",
                    problem=text_of(error),
                ),
                code="not-an-image",
            ) from None
        if decoded.dtype != np.uint8:
            top = np.iinfo(decoded.dtype).max if decoded.dtype.kind in "ui" else decoded.max()
            decoded = (decoded / max(float(top), 1e-12) * 255).round().astype(np.uint8)
        return decoded.transpose(1, 2, 0)
    values = np.asarray(picture)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim == 3 and values.shape[2] not in (1, 3) and values.shape[0] in (1, 3):
        values = values.transpose(1, 2, 0)
    fits = values.ndim == 3 and values.shape[2] in (1, 3) and 0 < max(values.shape) <= MAX_SIDE
    if values.dtype != np.uint8 or not fits or not values.size:
        raise UserError(
            Text(
                "The picture is an array of shape {shape} and type {dtype}; it must be "
                "uint8 of shape (H, W), (H, W, 1) or (H, W, 3), at most {max_side} pixels "
                "high and wide.",
                shape=tuple(values.shape),
                dtype=values.dtype,
                max_side=MAX_SIDE,
            ),
            code="shape-mismatch",
        )
    return values


def prepare_image(
    picture: np.ndarray,
    layout: ImageLayout,
    image_shape: tuple[int, int, int],
    *,
    fit: bool = True,
    invert: bool | None = None,
    clean: bool | None = None,
    centre: bool | None = None,
) -> PreparedImage:
    """Turn a picture into an image like those of a data set.

    Arguments:
        picture: uint8 (H, W, 1) or (H, W, 3).
        layout: The layout of the data set.
        image_shape: (C, H, W). With three channels the image is in colour; otherwise all channels
            get the picture's luminance.
        fit: If true, the whole picture is scaled into the image and the rest is filled with the
            background; otherwise the picture covers the image, and its edges are cut off.
        invert: Whether to invert the picture. None: if its background is then closer to that of
            the data.
        clean: Whether to replace the picture's background, which may be shaded, by that of the
            data, and to stretch the contrast. None: if the picture has a uniform background of
            another value.
        centre: Whether to scale and move the subject to the size and place that subjects have in
            the data. None: unless it is there, or the data have no such place.
    """
    channels, height, width = image_shape
    values = _reduced(picture).astype(np.float64)
    if channels == 3:
        values = values if values.shape[2] == 3 else values.repeat(3, axis=2)
    elif values.shape[2] == 3:
        values = values @ LUMINANCE[:, None]
    target = None
    if layout.background is not None:
        target = np.array(layout.background, np.float64)
        target = target if channels == 3 else target[:1]
    shade = _shade(values)
    at_edges = np.median(edge_pixels(shade), axis=0)
    noise = np.median(np.abs(edge_pixels(values) - edge_pixels(shade)))
    if invert is None:
        closer = target is not None and (
            np.abs(255 - at_edges - target).mean() < np.abs(at_edges - target).mean()
        )
        invert = bool(closer and noise <= UNIFORM)
    if invert:
        values, shade, at_edges = 255 - values, 255 - shade, 255 - at_edges
    if clean is None:
        clean = target is not None and bool(noise <= UNIFORM and np.abs(shade - target).max() > 1)
    clean = clean and target is not None
    if clean:
        assert target is not None
        if np.abs(at_edges - target).mean() > 127.5:  # it was not inverted, though it should be
            target = 255 - target
        values, at_edges = _cleaned(values, shade, target), target
    if centre is None:
        centre = not _is_in_place(values, at_edges, layout, height, width)
    box = _subject_box(values, at_edges, layout, height, width) if centre else None
    fitted = fit or box is not None
    image = _resample(
        values, box or _picture_box(values, height, width, fit), height, width, at_edges
    )
    if clean:
        assert target is not None
        image = _stretched(image, target)
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8).transpose(2, 0, 1)
    pixels = pixels if channels == len(pixels) else pixels.repeat(channels, axis=0)
    return PreparedImage(
        image=torch.from_numpy(pixels.copy())[None],
        fitted=fitted,
        inverted=invert,
        cleaned=clean,
        centred=box is not None,
    )


def _reduced(picture: np.ndarray) -> np.ndarray:
    high, wide = picture.shape[:2]
    factor = max(high, wide) / WORKING_SIDE
    if factor <= 1:
        return picture
    size = max(1, round(wide / factor)), max(1, round(high / factor))
    channels = [
        Image.fromarray(channel).resize(size, RESAMPLING) for channel in picture.transpose(2, 0, 1)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def _shade(values: np.ndarray) -> np.ndarray:
    """Return the background of a picture (H, W, C): a plane through the pixels at its edges."""
    height, width, _ = values.shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    terms = np.stack([np.ones_like(x), x, y], axis=2)
    known, design = edge_pixels(values), edge_pixels(terms)
    middle = np.median(known, axis=0)
    if min(height, width) < 4:
        return np.broadcast_to(middle, values.shape)
    # pixels of the subject at the edge would tilt the plane
    near = np.abs(known - middle).mean(axis=1)
    near = near <= max(np.median(near) * 3, 2.0)
    plane = np.linalg.lstsq(design[near], known[near], rcond=None)[0]
    return terms @ plane


def _cleaned(values: np.ndarray, shade: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Make the background uniform, and stretch what differs from it to full contrast."""
    away = np.where(target < 128, 1.0, -1.0)
    difference = (values - shade) * away
    noise = np.quantile(np.abs(edge_pixels(difference)), NOISE_QUANTILE)
    peak = max(np.quantile(difference, PEAK_QUANTILE), noise + 1)
    strength = np.clip((difference - noise) / (peak - noise), 0, 1)
    return target + away * strength * np.where(target < 128, 255 - target, target)


def _stretched(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Give a subject that has lost contrast in scaling its full contrast back."""
    away = np.where(target < 128, 255 - target, target)
    strongest = float((np.abs(image - target) / away).max())
    return target + (image - target) * (min(MAX_GAIN, 1 / strongest) if strongest > 0 else 1.0)


Box = tuple[float, float, float, float]
"""Left, top, right and bottom of the part of a picture that becomes the image, in its pixels."""


def _picture_box(values: np.ndarray, height: int, width: int, fit: bool) -> Box:
    """Return the smallest box around the picture with the shape of the image, or the largest in
    it."""
    high, wide = values.shape[:2]
    choose = max if fit else min
    scale = choose(high / height, wide / width)
    half_x, half_y = scale * width / 2, scale * height / 2
    return wide / 2 - half_x, high / 2 - half_y, wide / 2 + half_x, high / 2 + half_y


def _subject_box(
    values: np.ndarray, background: np.ndarray, layout: ImageLayout, height: int, width: int
) -> Box | None:
    """Return the box in which the subject has the size and place of the data; None if there is no
    subject, or no such place."""
    if layout.centre is None:
        return None
    subject = find_subject(values, background)
    if subject is None:
        return None
    high, wide = values.shape[:2]
    if layout.size is None:
        scale = max(high / height, wide / width)
    else:
        scale = subject.longer_side / (layout.size * max(height, width))
    scale = min(scale, MAX_MARGIN * max(high, wide) / max(height, width))
    x, y = subject.mass if layout.centre == "mass" else subject.box
    left, top = x - layout.place[0] * width * scale, y - layout.place[1] * height * scale
    return left, top, left + width * scale, top + height * scale


def _is_in_place(
    values: np.ndarray, background: np.ndarray, layout: ImageLayout, height: int, width: int
) -> bool:
    """Return whether a picture has the size of the data and its subject the place and size of
    their subjects."""
    subject = find_subject(values, background)
    if values.shape[:2] != (height, width) or subject is None or layout.centre is None:
        return False
    x, y = subject.mass if layout.centre == "mass" else subject.box
    offset = max(abs(x / width - layout.place[0]), abs(y / height - layout.place[1]))
    size = subject.longer_side / max(height, width)
    same_size = layout.size is None or abs(size - layout.size) <= SAME_SIZE * layout.size
    return offset <= CENTRED and same_size


def _resample(
    values: np.ndarray, box: Box, height: int, width: int, background: np.ndarray
) -> np.ndarray:
    """Scale a part of a picture to a size; outside the picture is the background."""
    high, wide = values.shape[:2]
    left, top, right, bottom = box
    if box == (0, 0, width, height) and (high, wide) == (height, width):
        return values
    before = [max(0, int(np.ceil(-edge))) for edge in (top, left)]
    after = [max(0, int(np.ceil(edge - side))) for edge, side in ((bottom, high), (right, wide))]
    part = (left + before[1], top + before[0], right + before[1], bottom + before[0])
    scaled = []
    for channel, value in zip(values.transpose(2, 0, 1), background, strict=True):
        padded = np.pad(
            channel,
            ((before[0], after[0]), (before[1], after[1])),
            constant_values=value,
        )
        picture = Image.fromarray(padded.astype(np.float32))
        enlarged = part[2] - part[0] < width
        method = Image.Resampling.NEAREST if enlarged else RESAMPLING
        scaled.append(np.asarray(picture.resize((width, height), method, box=part), np.float64))
    return np.stack(scaled, axis=2)
