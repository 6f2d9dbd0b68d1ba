"""Fashion-MNIST from Debian's folder, or fetched once and held against its checksums."""

import gzip
import http.server
import threading

import numpy as np
import pytest
from support.data_files import idx_bytes

from latentarium.data import fashion
from latentarium.data.sources import load_data
from latentarium.errors import UserError

RNG = np.random.default_rng(0)


def files() -> dict[str, bytes]:
    images = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
    labels = (np.arange(40) % 10).astype(np.uint8)
    return {
        f"{part}-{kind}-ubyte.gz": gzip.compress(idx_bytes(array))
        for part in ("train", "t10k")
        for kind, array in (("images-idx3", images), ("labels-idx1", labels))
    }


@pytest.fixture
def authors(tmp_path, monkeypatch):
    """A server with files in their place; without Debian's."""
    content, asked = files(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            asked.append(name)
            self.send_response(200 if name in content else 404)
            self.end_headers()
            self.wfile.write(content.get(name, b""))

        def log_message(self, format, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(fashion, "DEBIAN", tmp_path / "nowhere")
    monkeypatch.setattr(fashion, "ADDRESS", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(fashion, "CHECKSUMS", {n: fashion._md5(c) for n, c in content.items()})
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    yield content, asked
    server.shutdown()
    server.server_close()


def test_it_is_fetched_once_and_has_the_names_of_its_classes(authors):
    _, asked = authors
    data = load_data("fashion-mnist")
    assert data.card.source == "fashion-mnist"
    assert (data.card.classes[0], data.card.classes[9]) == ("t-shirt", "ankle boot")
    assert (len(data.test), data.card.image_shape) == (40, (1, 9, 11))
    assert len(asked) == 4
    assert load_data("fashion-mnist").card == data.card
    assert len(asked) == 4


def test_a_damaged_file_in_the_cache_is_fetched_again(authors, tmp_path):
    _, asked = authors
    card = load_data("fashion-mnist").card
    path = tmp_path / "cache" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert load_data("fashion-mnist").card == card
    assert asked[4:] == ["train-images-idx3-ubyte.gz"]


def test_other_content_than_the_authors_is_refused_and_not_kept(authors, tmp_path):
    content, _ = authors
    content["t10k-labels-idx1-ubyte.gz"] = b"something else"
    with pytest.raises(UserError, match="checksum differs"):
        load_data("fashion-mnist")
    kept = {path.name for path in (tmp_path / "cache" / "fashion-mnist").iterdir()}
    assert "t10k-labels-idx1-ubyte.gz" not in kept


def test_no_network_is_one_sentence_that_says_what_to_do(authors, monkeypatch):
    monkeypatch.setattr(fashion, "ADDRESS", "http://127.0.0.1:9/")
    with pytest.raises(UserError, match="dataset-fashion-mnist"):
        load_data("fashion-mnist")


def test_debians_files_need_no_network(authors, tmp_path, monkeypatch):
    content, asked = authors
    folder = tmp_path / "debian"
    folder.mkdir()
    for name, part in content.items():
        (folder / name).write_bytes(part)
    monkeypatch.setattr(fashion, "DEBIAN", folder)
    assert len(load_data("fashion-mnist").test) == 40
    assert asked == []


def test_the_checksums_are_those_of_four_files():
    assert len(fashion.CHECKSUMS) == 4
    assert all(len(bytes.fromhex(value)) == 16 for value in fashion.CHECKSUMS.values())
    assert fashion.ADDRESS.startswith("https://")
