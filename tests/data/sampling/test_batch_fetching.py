"""What torch's loader asks a data set for."""

from __future__ import annotations

from torch.utils.data import DataLoader, Dataset

from bsr_plugins.data.sampling.batch_fetching import fetches_batches


class Batches(Dataset):
    asked = False

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index

    def __getitems__(self, indices):
        self.asked = True
        return list(indices)


class OldFetcher:
    """As torch 1.12 fetches."""

    def fetch(self, possibly_batched_index):
        return self.collate_fn([self.dataset[index] for index in possibly_batched_index])


def test_it_tells_what_the_installed_torch_does():
    dataset = Batches()
    list(DataLoader(dataset, 2))
    assert fetches_batches() == dataset.asked


def test_older_torch():
    assert not fetches_batches(OldFetcher)
