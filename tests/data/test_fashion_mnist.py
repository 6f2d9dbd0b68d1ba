"""Fashion-MNIST from Debian's folder, or downloaded once and verified by its checksums."""

import gzip
import http.server
import threading
from functools import partial

import numpy as np
import pytest

from latentarium.data.fashion_mnist import BASE_URL, CHECKSUMS, fashion_mnist, md5
from latentarium.data.sources import NAMED_SOURCES
from support.data_files import idx_bytes, write_files
from support.errors import raises_code

RNG = np.random.default_rng(0)


def small_files() -> dict[str, bytes]:
    images = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
    labels = (np.arange(40) % 10).astype(np.uint8)
    return {
        f"{part}-{kind}-ubyte.gz": gzip.compress(idx_bytes(array))
        for part in ("train", "t10k")
        for kind, array in (("images-idx3", images), ("labels-idx1", labels))
    }


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fashion-mnist"


@pytest.fixture
def server():
    """A server of small files; gives its content and the names that were requested."""
    content, requests = small_files(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            requests.append(name)
            self.send_response(200 if name in content else 404)
            self.end_headers()
            self.wfile.write(content.get(name, b""))

        def log_message(self, format, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", content, requests
    server.shutdown()
    server.server_close()


@pytest.fixture
def load(server, cache, tmp_path):
    """Loads from the server, as on a machine without Debian's package."""
    url, content, _ = server
    checksums = {name: md5(part) for name, part in content.items()}
    return partial(fashion_mnist, tmp_path / "not-installed", url, checksums)


def test_files_are_downloaded_once_and_classes_have_names(load, server):
    _, _, requests = server
    data = load()
    assert data.card.source == "fashion-mnist"
    assert (data.card.classes[0], data.card.classes[9]) == ("t-shirt", "ankle boot")
    assert (len(data.test), data.card.image_shape) == (40, (1, 9, 11))
    assert len(requests) == 4
    assert load().card == data.card
    assert len(requests) == 4


def test_a_damaged_file_in_the_cache_is_downloaded_again(load, server, cache):
    _, _, requests = server
    card = load().card
    path = cache / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert load().card == card
    assert requests[4:] == ["train-images-idx3-ubyte.gz"]


def test_a_file_with_another_checksum_is_refused_and_not_kept(load, server, cache):
    _, content, _ = server
    content["t10k-labels-idx1-ubyte.gz"] = b"something else"
    with raises_code("checksum-mismatch"):
        load()
    assert "t10k-labels-idx1-ubyte.gz" not in {path.name for path in cache.iterdir()}


def test_a_missing_network_is_an_error(cache, tmp_path):
    with raises_code("download-failed"):
        fashion_mnist(tmp_path / "not-installed", "http://127.0.0.1:9/")


def test_debians_files_need_no_network(server, cache, tmp_path):
    url, content, requests = server
    debian = write_files(tmp_path / "debian", content)
    assert len(fashion_mnist(debian, url).test) == 40
    assert requests == []


def test_the_name_loads_the_authors_four_files():
    assert NAMED_SOURCES["fashion-mnist"] is fashion_mnist
    assert len(CHECKSUMS) == 4
    assert all(len(bytes.fromhex(value)) == 16 for value in CHECKSUMS.values())
    assert BASE_URL.startswith("https://")
