import gzip
import shutil
from pathlib import Path

import pytest
import torch

import latentarium.data
from latentarium.data.dataset import fingerprint
from latentarium.data.mnist import CHECKSUMS, load_mnist
from latentarium.data.sources import load_data
from support.data_files import labels_of
from support.errors import raises_code

SHIPPED = Path(latentarium.data.__file__).parent / "mnist"


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist")


def test_mnist_has_its_70000_digits(mnist):
    assert [len(split) for split in mnist.splits().values()] == [55_000, 5_000, 10_000]
    assert mnist.card.image_shape == (1, 28, 28)
    assert mnist.card.classes == tuple("0123456789")
    counts = torch.cat([labels_of(split) for split in mnist.splits().values()]).bincount()
    assert counts.tolist() == [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_train_and_validation_share_no_image(mnist):
    train = {image.numpy().tobytes() for image in mnist.train.images}
    assert len(train) == 55_000
    assert not any(image.numpy().tobytes() in train for image in mnist.validation.images)


def test_the_splits_never_change(mnist):
    """A changed split would make every recorded score a score on training data."""
    assert mnist.card.fingerprint == fingerprint(mnist.train, mnist.validation, mnist.test)
    assert mnist.card.fingerprint.startswith("1e640d85de4a")


def test_a_changed_file_is_refused(tmp_path):
    for name in CHECKSUMS:
        shutil.copy(SHIPPED / f"{name}-ubyte.gz", tmp_path)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] = (content[-1] + 1) % 10
    path.write_bytes(gzip.compress(content))
    with raises_code("checksum-mismatch"):
        load_mnist(tmp_path)


def test_the_files_read_as_an_idx_folder_have_the_same_test_split(mnist):
    data = load_data(SHIPPED)
    assert torch.equal(data.test.images, mnist.test.images)
    assert torch.equal(labels_of(data.test), labels_of(mnist.test))
    assert [len(split) for split in data.splits().values()] == [54_000, 6_000, 10_000]
