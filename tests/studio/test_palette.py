"""Colours of the map, as people with red-green blindness see them.

Dichromacy is simulated in linear RGB with the matrices of Machado, Oliveira and Fernandes (2009)
at severity 1; distances are CIEDE2000, in which about 2 is just noticeable.
"""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

SOURCES = Path(__file__).parents[2] / "studio" / "src"
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
BACKGROUNDS = ("sheet", "edge", "gap")
SINGLE_POINT_OPACITY = 1 - np.exp(-0.55)
"""Opacity of a pixel of the map with one point, as in splat.ts."""


def rgb(text):
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def seen(colour, vision):
    """Return the colour as CIELAB, after a simulation of the vision."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    linear = np.clip(VISIONS[vision] @ linear, 0, 1)
    return rgb2lab(
        np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    )


def distance(a, b, vision):
    return float(deltaE_ciede2000(seen(a, vision), seen(b, vision)))


def over(colour, opacity, below):
    return opacity * colour + (1 - opacity) * below


@pytest.fixture(scope="module")
def palette():
    return json.loads((SOURCES / "lib" / "palette.json").read_text())


@pytest.fixture(scope="module")
def classes(palette):
    return [rgb(text) for text in palette["classes"]]


@pytest.fixture(scope="module")
def backgrounds(palette):
    """The colours behind the points, by theme."""
    css = (SOURCES / "app.css").read_text()
    found = re.search(r"--sheet: light-dark\((#\w{6}), (#\w{6})\)", css)
    assert found is not None
    themes = {}
    for theme, sheet in zip(("light", "dark"), map(rgb, found.groups()), strict=True):
        layer = {name: over(rgb(text), opacity, sheet)
                 for name, (text, opacity) in palette["gaps"][theme].items()}  # fmt: skip
        themes[theme] = {"sheet": sheet, **layer}
    return themes


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_classes_differ(vision, classes):
    assert len(classes) == 10
    nearest = min(distance(a, b, vision) for a, b in itertools.combinations(classes, 2))
    assert nearest > (17 if vision == "normal" else 10)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_classes_stand_out_from_the_gap_layer(vision, theme, classes, backgrounds):
    for name in BACKGROUNDS:
        below = backgrounds[theme][name]
        for colour in classes:
            assert distance(colour, below, vision) > 15
            point = over(colour, SINGLE_POINT_OPACITY, below)
            assert distance(point, below, vision) > 5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_blue_and_orange_of_the_gap_layer_differ(vision, theme, backgrounds):
    for a, b in itertools.combinations(BACKGROUNDS, 2):
        least = 30 if {a, b} == {"edge", "gap"} else 10
        assert distance(backgrounds[theme][a], backgrounds[theme][b], vision) > least
