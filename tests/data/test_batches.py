"""Batches are a function of (seed, draw)."""

import pytest
import torch

from conftest import tiny_data
from latentarium.data.batches import Batch, Batches
from latentarium.data.dataset import Split


def counted(n: int = 50) -> Split:
    images = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 1, 8, 8)
    return Split(images.contiguous(), torch.arange(n))


def labels(batch: Batch) -> torch.Tensor:
    assert batch.y is not None
    return batch.y


def test_an_epoch_is_a_permutation_and_epochs_differ():
    batches = Batches(counted(), 10, seed=0)
    epochs = [torch.cat([labels(batches.draw(e * 5 + i)) for i in range(5)]) for e in range(2)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(50))
    assert not torch.equal(*epochs)


def test_a_draw_depends_on_nothing_before_it():
    one, other = Batches(counted(), 10, seed=3), Batches(counted(), 10, seed=3)
    for k in range(13):
        one.draw(k)
    assert torch.equal(one.draw(12).x, other.draw(12).x)
    assert torch.equal(one.draw(2).x, other.draw(2).x)
    assert not torch.equal(one.draw(2).x, Batches(counted(), 10, seed=4).draw(2).x)


def test_images_keep_their_labels_and_lie_between_minus_one_and_one():
    batch = Batches(counted(), 10, seed=0).draw(1)
    torch.testing.assert_close(batch.x[:, 0, 0, 0], labels(batch).float() / 127.5 - 1)
    assert Batches(tiny_data(labelled=False).train, 8, 0).draw(0).y is None


def test_the_last_part_of_an_epoch_is_not_cut_into():
    assert Batches(counted(), 16, seed=0).per_epoch == 3
    with pytest.raises(ValueError, match="only 50 images"):
        Batches(counted(), 51, seed=0)
