"""Uploads of the user's images: limits, interruptions, hostile names and archives."""

import asyncio
import io
import json
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from latentarium.errors import UserError
from latentarium.image_files import png_bytes
from latentarium.studio.errors import NotFoundError
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from latentarium.studio.training.timed_commands import TimedCommands
from latentarium.studio.training.upload_limits import UploadLimits
from latentarium.studio.training.upload_paths import relative_path
from latentarium.studio.training.uploads import Uploads
from support.errors import raises_code

ADDRESS = "http://127.0.0.1:8765"
ECHO = "import json, sys; print(json.dumps({'arguments': sys.argv[1:]}))"


def picture(seed, size=9):
    return png_bytes(np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8))


def zip_bytes(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def echo_command(*arguments):
    """A command that doesn't open the upload; its report contains the arguments."""
    return [sys.executable, "-c", ECHO, *arguments]


def unchecked(folder, **limits):
    """Uploads that are not opened by their check."""
    return Uploads(folder, UploadLimits(**limits), TimedCommands(echo_command))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "uploads"


@pytest.fixture
def client(folder):
    app = make_app(ModelRegistry(), runs=folder.parent)
    with TestClient(app, base_url=ADDRESS) as client:
        yield client


def send(client, name, files):
    """Upload files and return the last line of the check."""
    assert client.post(f"/api/uploads/{name}").status_code == 200
    for path, content in files.items():
        answer = client.put(f"/api/uploads/{name}/{path}", content=content)
        assert answer.status_code == 200, answer.text
    answer = client.post(f"/api/uploads/{name}/end")
    assert answer.status_code == 200
    return json.loads(answer.text.splitlines()[-1])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def chunks(*parts, fails=False):
    for part in parts:
        yield part
    if fails:
        raise ConnectionError("the client disconnected")


def receive(uploads, name, path, *parts, fails=False):
    asyncio.run(uploads.receive(name, path, chunks(*parts, fails=fails)))


def test_folder_is_checked_listed_and_removed(client, folder):
    files = {f"{kind}/{i}.png": picture(10 * len(kind) + i)
             for kind in ("cats", "dogs") for i in range(6)}  # fmt: skip
    report = send(client, "pets", files)["result"]
    assert sum(report["counts"].values()) == 12
    assert report["pictures"] == report["counts"]["train"] == 10
    assert list(report["class_counts"]["train"]) == ["cats", "dogs"]
    assert report["image_shape"] == [3, 9, 9]
    assert any("cats, dogs" in problem["text"] for problem in report["problems"])  # too few images
    assert report["presets"][0] == {"preset": "vae_images", "image_size": 0, "batch_size": 8}
    assert client.get("/api/uploads").json() == [report]
    assert "upload:pets" in client.get("/api/choices").json()["data"]
    with Image.open(io.BytesIO(client.get("/api/uploads/pets/pictures/9").content)) as image:
        assert image.size == (48, 48)
    assert client.get("/api/uploads/pets/pictures/12").status_code == 404
    (thumbnail,) = folder.rglob(".shown-pets/9.png")
    thumbnail.unlink()  # as by a removal at the same time
    assert client.get("/api/uploads/pets/pictures/9").status_code == 404
    taken = client.post("/api/uploads/pets")
    assert (taken.status_code, taken.headers["x-error-code"]) == (422, "name-taken")
    assert client.delete("/api/uploads/pets").status_code == 200
    assert names_in(folder) == []


def test_zip_file_is_kept_as_zip_file(folder):
    app = make_app(ModelRegistry(), runs=folder.parent, command=echo_command)
    with TestClient(app, base_url=ADDRESS) as client:
        content = zip_bytes({f"{i}.png": picture(i) for i in range(10)})
        arguments = send(client, "z", {"all.zip": content})["result"]["arguments"]
    assert arguments[:4] == ["data", "check", str(folder / "z.zip"), "--json"]
    assert "--untrusted" in arguments
    assert names_in(folder) == [".z.json", "z.zip"]


def test_hostile_zip_files_are_refused_and_deleted(client, folder):
    bitmap = io.BytesIO()
    Image.new("RGB", (1, 1)).save(bitmap, "BMP")
    hostile = {
        "unsafe-path": zip_bytes({"../../up.png": picture(1)}),
        "file-too-large": zip_bytes({"a.bmp": bitmap.getvalue() + bytes(20 << 20)}),
    }
    for code, content in hostile.items():
        error = send(client, "bad", {"x.zip": content})
        assert error["code"] == code
        assert "x.zip" in error["error"]  # the name that the user knows
        assert str(folder) not in error["error"]
        assert names_in(folder) == []


@pytest.mark.parametrize(
    "path",
    ["../a.png", "/a.png", "a/../../b.png", ".hidden.png", "a/.b/c.png", "a\\b.png", "c:a.png",
     "a\x00.png", "a\nb.png", "x" * 300 + ".png", "/".join("abcdefghi") + ".png", "",
     "con.png", "Aux .png", "lpt1/a.png", "a./b.png", "a /b.png"],
)  # fmt: skip
def test_unsafe_paths_are_refused(path):
    with raises_code("invalid-path"):
        relative_path(path)


def test_a_broken_file_in_a_zip_file_and_files_left_out_are_named(client):
    files = {f"square/{i}.png": picture(i) for i in range(60)}
    files |= {"square/bad.png": b"text", "square/a.heic": b"x"}
    report = send(client, "z", {"all.zip": zip_bytes(files)})["result"]
    assert any("square/bad.png" in problem["text"] for problem in report["problems"])
    assert any("a.heic" in note["text"] for note in report["notes"])


def test_a_table_of_labels_is_uploaded_with_its_pictures(client):
    rows = "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(12))
    files = {f"{i}.png": picture(i) for i in range(12)} | {"labels.csv": rows.encode()}
    report = send(client, "pets", files)["result"]
    assert list(report["class_counts"]["train"]) == ["a", "b"]


@pytest.mark.parametrize("path", ["a.py", "a.pkl", "a", "a.npz", "other.csv"])
def test_other_file_types_are_refused(path):
    with raises_code("file-type"):
        relative_path(path)


def test_unusual_but_safe_paths_are_accepted():
    assert str(relative_path("a b/貓 (1).JPG")) == "a b/貓 (1).JPG"
    assert str(relative_path("a/./b.png")) == "a/b.png"
    assert str(relative_path("cons/com.1.png")) == "cons/com.1.png"
    assert str(relative_path("train/Metadata.jsonl")) == "train/Metadata.jsonl"


def test_interrupted_file_is_deleted(folder):
    uploads = Uploads(folder)
    with pytest.raises(NotFoundError):
        receive(uploads, "a", "a.png", b"1")
    uploads.begin("a")
    with pytest.raises(UserError):
        receive(uploads, "a", "a.png", b"1", fails=True)
    assert names_in(folder / ".part-a") == []
    uploads.begin("b")
    after_restart = Uploads(folder)
    after_restart.begin("b")
    assert names_in(folder) == [".part-a", ".part-b"]


def test_files_beyond_limits_are_refused_and_deleted(folder):
    uploads = unchecked(folder, upload_bytes=10, files=2)
    uploads.begin("a")
    receive(uploads, "a", "a.png", b"12345")
    with raises_code("upload-too-large"):
        receive(uploads, "a", "b.png", b"123", b"456")
    assert names_in(folder / ".part-a") == ["a.png"]
    with raises_code("duplicate-file"):
        receive(uploads, "a", "a.png", b"other")
    assert (folder / ".part-a" / "a.png").read_bytes() == b"12345"
    receive(uploads, "a", "b.png", b"1")
    with raises_code("too-many-files"):
        receive(uploads, "a", "c.png", b"1")
    uploads.cancel("a")
    assert names_in(folder) == []


def test_invalid_requests_are_refused_over_http(client, folder):
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
    empty = client.post("/api/uploads/empty/end")
    assert (empty.status_code, empty.headers["x-error-code"]) == (422, "empty-upload")
    assert client.delete("/api/uploads/none").status_code == 404
    assert client.delete("/api/uploads/a/part").status_code == 200
    assert names_in(folder) == []
    (folder / "left.json").write_text(json.dumps({}))  # not the studio's file
    assert client.get("/api/uploads").json() == []


def test_interrupted_zip_file_can_be_sent_again(folder):
    content = zip_bytes({"1.png": picture(1)})
    uploads = unchecked(folder, upload_bytes=2000)
    uploads.begin("z")
    with pytest.raises(UserError):
        receive(uploads, "z", "all.zip", content, bytes(900), fails=True)
    receive(uploads, "z", "all.zip", content, bytes(900))
    assert list(uploads.complete("z"))[-1]["result"]["name"] == "z"
    assert names_in(folder) == [".z.json", "z.zip"]


def test_cancelled_check_deletes_upload(folder):
    uploads = unchecked(folder)
    uploads.begin("a")
    receive(uploads, "a", "a.png", b"1")
    lines = uploads.complete("a")
    assert next(lines)["of"] == 0
    lines.close()
    assert names_in(folder) == []
    assert uploads.reports() == []


def test_name_of_active_upload_is_taken(folder):
    uploads = unchecked(folder)
    uploads.begin("a")
    receive(uploads, "a", "a.png", b"1")
    with raises_code("name-taken"):
        uploads.begin("a")
    assert names_in(folder / ".part-a") == ["a.png"]


def test_name_of_idle_upload_is_free(folder):
    uploads = unchecked(folder, idle_seconds=0.0)
    uploads.begin("a")
    receive(uploads, "a", "a.png", b"1")
    uploads.begin("a")
    assert names_in(folder / ".part-a") == []


def test_upload_with_open_files_is_incomplete(folder):
    uploads = Uploads(folder)
    uploads.begin("a")

    async def completes_too_soon():
        yield b"1"
        with raises_code("incomplete-upload"):
            next(uploads.complete("a"))

    asyncio.run(uploads.receive("a", "a.png", completes_too_soon()))
    assert names_in(folder) == []


def test_server_never_opens_uploaded_files(client, folder, monkeypatch):
    """Its thumbnails are those that the child process wrote."""
    files = {f"{i:02d}.png": picture(i) for i in range(30)}
    assert send(client, "z", {"all.zip": zip_bytes(files)})["result"]["pictures"] == 12
    monkeypatch.setattr(zipfile, "ZipFile", None)
    (folder / "z.zip").write_bytes(b"not a zip file")
    assert client.get("/api/uploads").json()[0]["pictures"] == 12
    thumbnail = client.get("/api/uploads/z/pictures/11")
    assert thumbnail.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(thumbnail.content)) as image:
        assert image.size == (48, 48)
    assert client.get("/api/uploads/z/pictures/99").status_code == 404
    assert client.get("/api/uploads/z/pictures/-1").status_code == 422
    assert client.delete("/api/uploads/z").status_code == 200
    assert names_in(folder) == []
    for text in ("[1]", "[" * 100_000, "{}"):  # from an older version, or damaged
        (folder / "z.zip").write_bytes(b"")
        (folder / ".z.json").write_text(text)
        reports = client.get("/api/uploads").json()
        assert [report["pictures"] for report in reports] == ([0] if text == "{}" else [])


def test_total_size_of_uploads_is_limited(folder):
    uploads = unchecked(folder, upload_bytes=10, total_bytes=25)
    for name in ("a", "b"):
        uploads.begin(name)
        receive(uploads, name, "a.png", b"12345678")
    with raises_code("uploads-full"):
        uploads.begin("c")
    for name in ("a", "b"):
        list(uploads.complete(name))
    assert [report["bytes"] for report in uploads.reports()] == [8, 8]
    with raises_code("uploads-full"):
        uploads.begin("c")
    uploads.remove("a")
    uploads.begin("c")


def test_upload_that_no_longer_fits_is_deleted(folder):
    uploads = unchecked(folder, upload_bytes=10, total_bytes=12)
    uploads.begin("b")
    receive(uploads, "b", "a.png", b"12345678")
    smaller = unchecked(folder, upload_bytes=4, total_bytes=12)
    smaller.begin("c")
    receive(smaller, "c", "a.png", b"1234")
    receive(uploads, "b", "b.png", b"9")
    list(uploads.complete("b"))
    with raises_code("uploads-full"):
        list(smaller.complete("c"))
    assert names_in(folder) == [".b.json", "b"]


def test_disk_keeps_free_space(folder):
    uploads = unchecked(folder, free_bytes=1 << 62)
    uploads.begin("d")
    with raises_code("disk-full"):
        receive(uploads, "d", "a.png", b"1")
    assert names_in(folder / ".part-d") == []


def test_number_of_waiting_checks_is_limited(folder):
    """Waiting checks occupy worker threads, which the page needs."""
    uploads = unchecked(folder, waiting_checks=0)
    uploads.begin("a")
    receive(uploads, "a", "a.png", b"1")
    with raises_code("busy"):
        next(uploads.complete("a"))
    assert names_in(folder) == []
