"""Images of the visitor's own, and what comes in their place."""

import asyncio
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from latentarium.errors import UserError
from latentarium.image_files import png_bytes
from latentarium.studio.registry import Gallery, Missing
from latentarium.studio.server import make_app
from latentarium.studio.training import uploads as room
from latentarium.studio.training.uploads import Uploads, safe


def picture(seed, size=9):
    return png_bytes(np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8))


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "uploads"


@pytest.fixture
def client(folder):
    app = make_app(Gallery(), runs=folder.parent)
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def send(client, name, files):
    assert client.post(f"/api/uploads/{name}").status_code == 200
    for path, content in files.items():
        answer = client.put(f"/api/uploads/{name}/{path}", content=content)
        assert answer.status_code == 200, answer.text
    answer = client.post(f"/api/uploads/{name}/end")
    assert answer.status_code == 200
    return json.loads(answer.text.splitlines()[-1])


def looked_at(monkeypatch):
    """Nothing is looked at; what is said of it is what was asked."""

    def told(self, *words, seconds):
        yield {"done": 0, "of": 0, "left": None, "note": ""}
        return json.dumps({"asked": words})

    monkeypatch.setattr(room.Waits, "told", told)


def left(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_folder_is_looked_at_kept_shown_and_removed(client, folder):
    files = {f"{kind}/{i}.png": picture(10 * len(kind) + i)
             for kind in ("cats", "dogs") for i in range(6)}  # fmt: skip
    report = send(client, "pets", files)["found"]
    assert sum(report["counts"].values()) == 12
    assert report["pictures"] == report["counts"]["train"] == 10
    assert list(report["class_counts"]["train"]) == ["cats", "dogs"]
    assert report["image_shape"] == [3, 9, 9]
    assert any("Fewer than 20" in problem for problem in report["problems"])
    assert client.get("/api/uploads").json() == [report]
    assert "upload:pets" in client.get("/api/choices").json()["data"]
    with Image.open(io.BytesIO(client.get("/api/uploads/pets/pictures/9").content)) as image:
        assert image.size == (48, 48)
    assert client.get("/api/uploads/pets/pictures/12").status_code == 404
    assert client.post("/api/uploads/pets").status_code == 422  # the name is taken
    assert client.delete("/api/uploads/pets").status_code == 200
    assert left(folder) == []


def test_a_zip_stays_a_zip(client, folder, monkeypatch):
    looked_at(monkeypatch)
    report = send(client, "z", {"all.zip": zipped({f"{i}.png": picture(i) for i in range(10)})})
    assert report["found"]["asked"][:4] == ["data", "check", str(folder / "z.zip"), "--json"]
    assert "--untrusted" in report["found"]["asked"]
    assert left(folder) == [".z.json", "z.zip"]


def test_hostile_zips_are_refused_and_nothing_is_left(client, folder):
    bomb = io.BytesIO()
    Image.new("RGB", (1, 1)).save(bomb, "BMP")
    hostile = {
        "path outside of it": zipped({"../../up.png": picture(1)}),
        "would unpack from": zipped({"a.bmp": bomb.getvalue() + bytes(20 << 20)}),
    }
    for words, content in hostile.items():
        trouble = send(client, "bad", {"x.zip": content})["trouble"]
        assert words in trouble
        assert "x.zip" in trouble  # as its owner calls it
        assert str(folder) not in trouble
        assert left(folder) == []


@pytest.mark.parametrize(
    "path",
    ["../a.png", "/a.png", "a/../../b.png", ".hidden.png", "a/.b/c.png", "a\\b.png", "c:a.png",
     "a\x00.png", "a\nb.png", "x" * 300 + ".png", "/".join("abcdefghi") + ".png", "", "a.py",
     "a.pkl", "a", "a.npz", "con.png", "Aux .png", "lpt1/a.png", "a./b.png", "a /b.png"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_or_is_no_picture_is_refused(path):
    with pytest.raises(UserError):
        safe(path)


def test_names_that_are_taken():
    assert str(safe("a b/貓 (1).JPG")) == "a b/貓 (1).JPG"
    assert str(safe("a/./b.png")) == "a/b.png"
    assert str(safe("cons/com.1.png")) == "cons/com.1.png"


async def bits(*parts, fails=False):
    for part in parts:
        yield part
    if fails:
        raise ConnectionError("the visitor is gone")


def test_what_breaks_off_or_is_too_much_leaves_nothing(folder, monkeypatch):
    images = Uploads(folder)
    with pytest.raises(Missing):
        asyncio.run(images.take("a", "a.png", bits(b"1")))
    images.begin("a")
    with pytest.raises(UserError):
        asyncio.run(images.take("a", "a.png", bits(b"1", fails=True)))
    assert left(folder / ".part-a") == []
    monkeypatch.setattr(room, "LARGEST_UPLOAD", 10)
    asyncio.run(images.take("a", "a.png", bits(b"12345")))
    with pytest.raises(UserError, match="in all"):
        asyncio.run(images.take("a", "b.png", bits(b"123", b"456")))
    assert left(folder / ".part-a") == ["a.png"]
    monkeypatch.setattr(room, "LARGEST_UPLOAD", 100)
    with pytest.raises(UserError, match="came twice"):
        asyncio.run(images.take("a", "a.png", bits(b"other")))
    assert (folder / ".part-a" / "a.png").read_bytes() == b"12345"
    monkeypatch.setattr(room, "MOST_FILES", 1)
    with pytest.raises(UserError, match="more than 1 files"):
        asyncio.run(images.take("a", "c.png", bits(b"1")))
    images.cancel("a")
    assert left(folder) == []
    images.begin("b")
    later = Uploads(folder)  # the server was started anew in the middle
    later.begin("b")
    assert left(folder) == [".part-b"]


def test_names_are_plain_and_the_body_is_bounded(client, folder):
    for name in ("a b", "-a", "%2e%2e", "a" * 65):
        assert client.post(f"/api/uploads/{name}").status_code in (404, 405, 422)
    client.post("/api/uploads/a")
    answer = client.put("/api/uploads/a/a.png", content=b"1", headers={"content-length": "9" * 10})
    assert answer.status_code == 413
    assert client.put("/api/uploads/a/x/%2e%2e/%2e%2e/b.png", content=b"1").status_code == 422
    assert client.put("/api/uploads/a/b.exe", content=b"1").status_code == 422
    assert client.put("/api/uploads/none/b.png", content=b"1").status_code == 404
    assert client.post("/api/uploads/none/end").status_code == 404
    client.post("/api/uploads/empty")
    assert "Nothing has come" in client.post("/api/uploads/empty/end").text
    assert client.delete("/api/uploads/none").status_code == 404
    assert client.delete("/api/uploads/a/part").status_code == 200
    assert left(folder) == []
    (folder / "left.json").write_text(json.dumps({}))  # what is not ours is left alone
    assert client.get("/api/uploads").json() == []


def test_what_broke_off_may_come_again(folder, monkeypatch):
    """And a zip that did is still one zip."""
    looked_at(monkeypatch)
    monkeypatch.setattr(room, "LARGEST_UPLOAD", 2000)
    content = zipped({"1.png": picture(1)})
    images = Uploads(folder)
    images.begin("z")
    with pytest.raises(UserError):
        asyncio.run(images.take("z", "all.zip", bits(content, bytes(900), fails=True)))
    asyncio.run(images.take("z", "all.zip", bits(content, bytes(900))))
    assert list(images.end("z"))[-1]["found"]["name"] == "z"
    assert left(folder) == [".z.json", "z.zip"]


def test_who_does_not_wait_until_they_are_looked_at_leaves_nothing(folder, monkeypatch):
    looked_at(monkeypatch)
    images = Uploads(folder)
    images.begin("a")
    asyncio.run(images.take("a", "a.png", bits(b"1")))
    lines = images.end("a")
    assert next(lines)["of"] == 0
    lines.close()
    assert left(folder) == []
    assert images.kept() == []


def test_two_at_once_do_not_share_a_name(folder, monkeypatch):
    images = Uploads(folder)
    images.begin("a")
    asyncio.run(images.take("a", "a.png", bits(b"1")))
    with pytest.raises(UserError, match="coming already"):
        images.begin("a")
    assert left(folder / ".part-a") == ["a.png"]
    monkeypatch.setattr(room, "IDLE", 0.0)  # whoever it was is gone
    images.begin("a")
    assert left(folder / ".part-a") == []


def test_what_still_comes_is_not_taken_for_whole(folder):
    images = Uploads(folder)
    images.begin("a")

    async def ends_too_soon():
        yield b"1"
        with pytest.raises(UserError, match="still coming"):
            next(images.end("a"))

    asyncio.run(images.take("a", "a.png", ends_too_soon()))
    assert left(folder) == []


def test_the_server_itself_opens_nothing_that_came(client, folder, monkeypatch):
    """Its pictures are those that the process wrote which looked at it."""
    files = {f"{i:02d}.png": picture(i) for i in range(30)}
    assert send(client, "z", {"all.zip": zipped(files)})["found"]["pictures"] == 12
    monkeypatch.setattr(zipfile, "ZipFile", None)
    (folder / "z.zip").write_bytes(b"no zip any more")
    assert client.get("/api/uploads").json()[0]["pictures"] == 12
    shown = client.get("/api/uploads/z/pictures/11")
    assert shown.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(shown.content)) as image:
        assert image.size == (48, 48)
    assert client.get("/api/uploads/z/pictures/99").status_code == 404
    assert client.get("/api/uploads/z/pictures/-1").status_code == 422
    assert client.delete("/api/uploads/z").status_code == 200
    assert left(folder) == []
    for said in ("[1]", "[" * 100_000, "{}"):  # an older server's, or nobody's
        (folder / "z.zip").write_bytes(b"")
        (folder / ".z.json").write_text(said)
        kept = client.get("/api/uploads").json()
        assert [one["pictures"] for one in kept] == ([0] if said == "{}" else [])


def test_the_disk_is_not_filled(folder, monkeypatch):
    images = Uploads(folder)
    monkeypatch.setattr(room, "LARGEST_UPLOAD", 10)
    monkeypatch.setattr(room, "LARGEST_OF_ALL", 25)
    looked_at(monkeypatch)
    for name in ("a", "b"):
        images.begin(name)
        asyncio.run(images.take(name, "a.png", bits(b"12345678")))
    with pytest.raises(UserError, match="remove some"):
        images.begin("c")
    for name in ("a", "b"):
        list(images.end(name))
    assert [one["bytes"] for one in images.kept()] == [8, 8]
    with pytest.raises(UserError, match="remove some"):
        images.begin("c")
    images.remove("a")
    images.begin("c")
    monkeypatch.setattr(room, "LARGEST_OF_ALL", 12)
    asyncio.run(images.take("c", "a.png", bits(b"12345678")))
    with pytest.raises(UserError, match="remove some"):
        list(images.end("c"))
    assert left(folder) == [".b.json", "b"]
    monkeypatch.setattr(room, "LARGEST_OF_ALL", 99)
    images.begin("d")
    monkeypatch.setattr(room, "KEPT_FREE", 1 << 62)
    with pytest.raises(UserError, match="disk are free"):
        asyncio.run(images.take("d", "a.png", bits(b"1")))
    assert left(folder / ".part-d") == []


def test_few_wait_to_be_looked_at_so_that_the_page_is_still_served(folder, monkeypatch):
    images = Uploads(folder)
    images._checking.acquire()
    for _ in range(room.WAITING):
        images._waiting.acquire()
    with pytest.raises(UserError, match="being looked at"):
        next(images._checked(folder, "pets"))
