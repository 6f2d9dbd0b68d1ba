"""Refusals in Train: in both languages, and in the other one after a click."""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.browser import BROWSER_MARKS, forget_problems, open_page, wait_until

pytestmark = BROWSER_MARKS

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b(the|is|are|has|have|must|give|from|with|not|can't|images|and)\b")
"""Words that every English sentence of the server contains one of, and no name in this test."""
SETTINGS = {
    "model.latent_dim": {"0": "0", "-3": "-3", "many": "many", "2.5": "2.5"},
    "optimizer.learning_rate": {"0": "0.0", "nan": "nan", "1e999": "inf"},
    "optimizer.beta1": {"1": "1.0"},
}
"""Refused values as they are typed, and as the message shows them."""


def picture(seed: int, size: int = 16, suffix: str = "PNG", channels: int = 3) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size, size, channels), np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise.squeeze()).save(content, suffix)
    return content.getvalue()


def pictures(count: int, folder: str = "", size: int = 16) -> dict[str, bytes]:
    return {f"{folder}{i}.png": picture(i + 100 * size, size) for i in range(count)}


CLASSES = {**pictures(14, "cat/"), **pictures(4, "dog/", 17)}
TABLE = b"file,label\n" + b"".join(b"%d.png,%d\n" % (i, i % 2) for i in range(24))
REFUSED = {
    "one picture": pictures(1),
    "no picture in a zip": {"a.zip": {"notes.pdf": b"text", "b.heic": b"x"}},
    "empty zip": {"a.zip": {}},
    "one picture in a zip": {"a.zip": pictures(1)},
    "not a zip": {"a.zip": b"text"},
    "path outside": {"a.zip": {"../../x.png": picture(1)}},
    "broken": pictures(10) | {"a.png": b"text", "b.png": b"", "c.png": picture(1)[:300]},
    "too small": pictures(12, size=1),
    "partly labelled": CLASSES | pictures(2),
    "no training split": {**pictures(12, "test/a/"), **pictures(12, "val/a/", 17)},
    "labels for half": pictures(60) | {"labels.csv": TABLE},
}
"""Uploads that are refused."""
KEPT = {
    "small classes, twice the same": CLASSES
    | {"dog/copy.png": pictures(1, "dog/", 17)["dog/0.png"]},
    "mixed sizes": {
        **pictures(10, "a/", 16),
        **pictures(10, "a/b/", 24),
        **pictures(11, "c/", 32),
    },
    "chinese names": {**pictures(24, "貓/"), **pictures(2, "狗/", 17), "貓/壞.png": b"<html>"},
    "one broken": pictures(40) | {"a.png": b"<html>"},
    "left out": {
        "a.zip": pictures(12) | {"x.heic": b"", "y.heic": b"", ".z.png": b"", "t.csv": b""}
    },
    "table without labels": pictures(24) | {"labels.csv": b"file,label\n0.png,\n"},
    "table of other names": pictures(24) | {"labels.csv": b"file,label\nz.png,3\n"},
    "table of many columns": pictures(24)
    | {"labels.csv": b"file,a,b\n0.png,red,5\n1.png,blue,4\n"},
    "fractions": pictures(24) | {"labels.csv": b"file,label\n0.png,0.5\n1.png,1\n"},
    "masks": {**pictures(12, "photos/"), **pictures(12, "masks/", 17)},
    "splits": {
        **pictures(12, "train/a/"),
        **pictures(12, "train/b/", 17),
        **pictures(3, "test/c/", 18),
    },
    "black": {f"{i}.png": _png for i, _png in enumerate([picture(i, 16) for i in range(11)])},
    "constant": {f"{i}.bmp": picture(0, 16, "BMP") for i in range(12)},
    "tags": pictures(24) | {"labels.json": json.dumps([["0.png", [1, 2]]]).encode()},
}
"""Uploads that are kept, with remarks."""
QUICK = (
    "one picture",
    "no picture in a zip",
    "partly labelled",
    "mixed sizes",
    "one broken",
    "left out",
)
"""Those that are not only in `make soak`: each starts a process."""


def write(folder: Path, files) -> tuple[str, Path]:
    """Write files, and return the input of the page that takes them, and their path."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            continue
        with zipfile.ZipFile(path, "w") as archive:
            for inner, data in content.items():
                archive.writestr(inner, data)
    is_zip = list(files) == ["a.zip"]
    return ("zip", folder / "a.zip") if is_zip else ("folder", folder)


def assert_chinese(text: str) -> None:
    """A sentence has Chinese characters and no English words."""
    assert CHINESE.search(text), text
    assert not ENGLISH.search(text), text


@pytest.fixture
def chinese(page, served):
    open_page(page, served, "#tab=train&lang=zh")
    yield page
    page.goto("about:blank")  # a picture that is still loaded would be missing
    for upload in page.request.get(f"{served.address}api/uploads").json():
        page.request.delete(f"{served.address}api/uploads/{upload['name']}")


def shoot(page, name: str) -> None:
    """Save pictures of the page at three sizes, if a folder for them is given."""
    folder = os.environ.get("PICTURES")
    if folder:
        for width, height in ((390, 844), (1024, 768), (1366, 768)):
            page.set_viewport_size({"width": width, "height": height})
            page.get_by_test_id("settings").scroll_into_view_if_needed()
            page.screenshot(path=f"{folder}/{name}-{width}.png")
        page.set_viewport_size({"width": 1280, "height": 800})


def test_refused_settings_are_explained_in_chinese(chinese):
    page = chinese
    problem = page.locator(".settings .problem")
    for name, values in SETTINGS.items():
        group = name.rsplit(".", 1)[0]
        page.get_by_test_id(f"settings-{group}").evaluate("(details) => { details.open = true }")
        for value, shown in values.items():
            page.locator(f"[id='setting-{name}']").fill(value)
            refusal = problem.filter(has_text=f"{name} 是").filter(has_text=shown)
            refusal.wait_for()
            assert_chinese(refusal.inner_text())
    shoot(page, "settings")
    page.get_by_test_id("language").click()
    wait_until(page, "/must be/.test(document.querySelector('.settings .problem').textContent)")
    page.get_by_test_id("language").click()
    wait_until(page, "/必須/.test(document.querySelector('.settings .problem').textContent)")


def test_settings_that_do_not_fit_together_are_explained_in_chinese(chinese):
    page = chinese
    page.get_by_test_id("settings-model").evaluate("(details) => { details.open = true }")
    page.locator("[id='setting-model.posterior']").select_option("point")
    page.locator("[id='setting-model.prior']").select_option("flow")
    problem = page.locator(".settings > .problem")
    problem.wait_for()
    assert_chinese(problem.inner_text())
    shoot(page, "combination")


def test_numbers_of_the_form_are_refused_in_chinese(chinese):
    page = chinese
    for value in ("0", "99999999"):
        page.get_by_test_id("run-steps").fill(value)
        page.get_by_test_id("start-run").click()
        alert = page.locator(".cost [role=alert]")
        alert.filter(has_text=value[:2]).wait_for()
        assert_chinese(alert.inner_text())
        assert "步數" in alert.inner_text()
    shoot(page, "steps")
    forget_problems(page, "422")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in (*REFUSED, *KEPT)
    ],
)
def test_uploads_are_explained_in_chinese(chinese, tmp_path, name):
    page = chinese
    where, path = write(tmp_path / "pictures", (REFUSED | KEPT)[name])
    page.get_by_test_id(where).set_input_files(path)
    if name in REFUSED:
        alert = page.locator(".how > [role=alert]")
        alert.wait_for(timeout=120_000)
        assert_chinese(alert.inner_text())
    else:
        upload = page.get_by_test_id("upload")
        upload.or_(page.locator(".how > [role=alert]")).first.wait_for(timeout=120_000)
        assert page.locator(".how > [role=alert]").all_inner_texts() == []
        notes = page.get_by_test_id("notes")
        if notes.count():
            notes.evaluate("(details) => { details.open = true }")
        lines = upload.locator("p.soft, details p").all_inner_texts()
        for line in lines:
            assert_chinese(line)
    shoot(page, name.replace(" ", "-"))
