import math

import torch
from torch.utils.data.sampler import Sampler


class EnlargedSampler(Sampler):

    def __init__(self, dataset, num_replicas, rank, ratio=1):
        self.dataset, self.num_replicas, self.rank, self.epoch = dataset, num_replicas, rank, 0
        self.num_samples = math.ceil(len(dataset) * ratio / num_replicas)

    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(self.epoch)
        indices = torch.randperm(self.num_samples * self.num_replicas, generator=generator).tolist()
        return iter([index % len(self.dataset) for index in indices[self.rank::self.num_replicas]])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        self.epoch = epoch
