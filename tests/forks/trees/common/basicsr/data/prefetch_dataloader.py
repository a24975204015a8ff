import queue
import threading

from torch.utils.data import DataLoader


class PrefetchGenerator(threading.Thread):

    def __init__(self, generator, num_prefetch_queue):
        super().__init__(daemon=True)
        self.queue, self.generator = queue.Queue(num_prefetch_queue), generator
        self.start()

    def run(self):
        for item in self.generator:
            self.queue.put(item)
        self.queue.put(None)

    def __next__(self):
        item = self.queue.get()
        if item is None:
            raise StopIteration
        return item

    def __iter__(self):
        return self


class PrefetchDataLoader(DataLoader):

    def __init__(self, num_prefetch_queue, **kwargs):
        self.num_prefetch_queue = num_prefetch_queue
        super().__init__(**kwargs)

    def __iter__(self):
        return PrefetchGenerator(super().__iter__(), self.num_prefetch_queue)


class CPUPrefetcher:

    def __init__(self, loader):
        self.ori_loader, self.loader = loader, iter(loader)

    def next(self):
        return next(self.loader, None)

    def reset(self):
        self.loader = iter(self.ori_loader)
