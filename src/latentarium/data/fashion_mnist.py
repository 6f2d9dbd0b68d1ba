"""Fashion-MNIST, from Debian's package or downloaded once from its authors.

References:
    Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms (Xiao, Rasul
    and Vollgraf, 2017), https://arxiv.org/abs/1708.07747
"""

import dataclasses
import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from latentarium.data.arrays import to_data
from latentarium.data.dataset import Data
from latentarium.data.readers.idx import read_idx_folder
from latentarium.errors import UserError
from latentarium.files import cache_folder, write_atomic
from latentarium.progress import console_progress

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""The folder into which Debian's package dataset-fashion-mnist installs the files."""
BASE_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
"""MD5 of the files, as published by the authors."""
CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
MAX_FILE_BYTES = 1 << 26
TIMEOUT = 30.0
"""Seconds without a response after which a download fails."""


def fashion_mnist(
    debian_folder: Path = DEBIAN_FOLDER,
    base_url: str = BASE_URL,
    checksums: Mapping[str, str] = CHECKSUMS,
) -> Data:
    """Load Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017).

    Arguments:
        debian_folder: The folder of Debian's package; its files are used if it exists.
        base_url: Address to download the files from if `debian_folder` does not exist. The files
            are stored in the cache.
        checksums: MD5 of each file, by file name.

    Raises:
        UserError: A file can't be downloaded or differs from the published file.
    """
    folder = debian_folder if debian_folder.is_dir() else _download(base_url, checksums)
    raw = read_idx_folder(folder)
    return to_data(dataclasses.replace(raw, source="fashion-mnist", classes=CLASSES))


def md5(content: bytes) -> str:
    """Return the MD5 of a file's content in hexadecimal."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _download(base_url: str, checksums: Mapping[str, str]) -> Path:
    """Download the files that are missing or damaged in the cache; return the cache folder."""
    folder = cache_folder("fashion-mnist")
    missing = [name for name in checksums if not _is_intact(folder / name, checksums[name])]
    if missing:
        with console_progress() as progress:
            task = progress.task("Downloading Fashion-MNIST", len(missing))
            for done, name in enumerate(missing):
                task.update(done, name)
                write_atomic(folder / name, _download_file(base_url + name, checksums[name]))
            task.end()
    return folder


def _download_file(url: str, checksum: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            content = response.read(MAX_FILE_BYTES)
    except (urllib.error.URLError, OSError) as error:
        raise UserError(
            f"{url} can't be downloaded ({getattr(error, 'reason', error)}): install Debian's "
            "package dataset-fashion-mnist, or give the path of a folder with the four files.",
            code="download-failed",
        ) from None
    if md5(content) != checksum:
        raise UserError(
            f"{url} is not the file that the authors published (its checksum differs): try again "
            "later, or give the path of a folder with the four files.",
            code="checksum-mismatch",
        )
    return content


def _is_intact(path: Path, checksum: str) -> bool:
    return path.is_file() and md5(path.read_bytes()) == checksum
