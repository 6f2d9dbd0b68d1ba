"""Fashion-MNIST: from Debian's files, or from its authors' address, once.

References:
    Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms (Xiao, Rasul
    and Vollgraf, 2017), https://arxiv.org/abs/1708.07747
"""

import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from latentarium.errors import UserError
from latentarium.files import cache_folder, write_atomic
from latentarium.progress import display

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""
ADDRESS = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
"""MD5, as the authors publish them."""
CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
LARGEST = 1 << 26
SECONDS = 30.0
"""Without an answer, until an attempt ends."""


def fashion_folder() -> Path:
    """A folder with the four files; they are fetched where there are none.

    Raises:
        UserError: They can't be fetched, or are not what the authors published.
    """
    if DEBIAN.is_dir():
        return DEBIAN
    folder = cache_folder("fashion-mnist")
    missing = [name for name in CHECKSUMS if not _is_whole(folder / name, CHECKSUMS[name])]
    if missing:
        with display() as shown:
            bar = shown.bar("Fashion-MNIST, from its authors", len(missing))
            for done, name in enumerate(missing):
                bar.update(done, name)
                write_atomic(folder / name, _fetch(name))
            bar.end()
    return folder


def _fetch(name: str) -> bytes:
    try:
        with urllib.request.urlopen(ADDRESS + name, timeout=SECONDS) as answer:
            content = answer.read(LARGEST)
    except (urllib.error.URLError, OSError) as error:
        raise UserError(
            f"Fashion-MNIST can't be fetched from {ADDRESS} ({getattr(error, 'reason', error)}): "
            "install Debian's package dataset-fashion-mnist, or give the path of a folder with "
            "the four files."
        ) from None
    if _md5(content) != CHECKSUMS[name]:
        raise UserError(
            f"{ADDRESS}{name} is not the file that the authors published (its checksum differs): "
            "try again later, or give the path of a folder with the four files."
        )
    return content


def _is_whole(path: Path, checksum: str) -> bool:
    return path.is_file() and _md5(path.read_bytes()) == checksum


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
