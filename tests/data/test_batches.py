"""Batches are a function of (seed, step)."""

import torch

from latentarium.data.batches import Batch, Batches
from latentarium.data.dataset import Split
from support.errors import raises_code
from support.tiny import tiny_data


def numbered_split(n: int = 50) -> Split:
    """Images whose pixels and label are their number."""
    images = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 1, 8, 8)
    return Split(images.contiguous(), torch.arange(n))


def labels(batch: Batch) -> torch.Tensor:
    assert batch.y is not None
    return batch.y


def test_an_epoch_is_a_permutation_and_epochs_differ():
    batches = Batches(numbered_split(), 10, seed=0)
    epochs = [torch.cat([labels(batches.draw(e * 5 + i)) for i in range(5)]) for e in range(2)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(50))
    assert not torch.equal(*epochs)


def test_a_batch_does_not_depend_on_earlier_batches():
    a, b = Batches(numbered_split(), 10, seed=3), Batches(numbered_split(), 10, seed=3)
    for k in range(13):
        a.draw(k)
    assert torch.equal(a.draw(12).x, b.draw(12).x)
    assert torch.equal(a.draw(2).x, b.draw(2).x)
    assert not torch.equal(a.draw(2).x, Batches(numbered_split(), 10, seed=4).draw(2).x)


def test_images_keep_their_labels_and_are_between_minus_one_and_one():
    batch = Batches(numbered_split(), 10, seed=0).draw(1)
    torch.testing.assert_close(batch.x[:, 0, 0, 0], labels(batch).float() / 127.5 - 1)
    assert Batches(tiny_data(labelled=False).train, 8, 0).draw(0).y is None


def test_incomplete_batches_at_the_end_of_an_epoch_are_left_out():
    assert Batches(numbered_split(), 16, seed=0).per_epoch == 3


def test_batch_sizes_that_do_not_work_are_refused():
    with raises_code("batch-too-large"):
        Batches(numbered_split(), 51, seed=0)
    with raises_code("batch-not-divisible"):
        Batches(numbered_split(), 10, seed=0, shard=(0, 3))
