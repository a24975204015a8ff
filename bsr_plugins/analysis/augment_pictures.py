"""What ``train.augment`` makes of the batches of a training set: source, partner, saliency, mask and result."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from bsr_plugins.analysis.figure_style import FONT_SIZE, new_figure, png_bytes
from bsr_plugins.analysis.report_blocks import Block, Heading, Picture, Text
from bsr_plugins.analysis.report_page import render_page
from bsr_plugins.augments.augment import Augmented
from bsr_plugins.common import option_kinds
from bsr_plugins.common.builders import build_dataset
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike, replacing, write_text
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.common.option import Option
from bsr_plugins.options.option_file import read_option_file

#: Samples of a batch that are drawn.
_ROWS = 6
_SEED = Option('manual_seed', option_kinds.optional(option_kinds.whole()), None, 'seed of all draws')
_BATCH_SIZE = Option('batch_size_per_gpu', option_kinds.whole(1), 4, 'samples of a batch')
_ENLARGED = Option('dataset_enlarge_ratio', option_kinds.number(above=0), 1, 'how often an epoch has each image')
_LINE = '#ffd800'
_LEGEND = (
    'Yellow is the border of the pixels that are replaced or mixed; saliency is drawn where a region was chosen by it.'
)
#: Plain training, whatever the file trains with: none of it is done.
_TRAIN = {
    'total_iter': 1,
    'ema_decay': 0,
    'optim_g': {'type': 'Adam', 'lr': 1e-4},
    'scheduler': {'type': 'MultiStepLR', 'milestones': [1]},
    'pixel_opt': {'type': 'L1Loss'},
}


class AugmentedBatch(NamedTuple):
    """A batch of a training set and what became of it, on the CPU.

    Attributes:
        number: The iteration that it is drawn for, from 1.
        lq, gt: As the model was fed.
        result: As it trains on them.
    """

    number: int
    lq: Tensor
    gt: Tensor
    result: Augmented


def draw_augmentation(opt: PathLike, out: PathLike, batches: int) -> Path:
    """Write a picture of each of the first ``batches`` batches to ``out``, and the page ``augment.html`` with them.

    They are batches of ``datasets.train``, in an order that follows from ``manual_seed``; a BSPA run's inverse set is
    not read. The draws of the augmentation are those of these iterations in a training.

    Returns:
        The page.

    Raises:
        OptionError: The file has no ``train.augment``, no training set, or options that do not fit each other.
        DataError: An epoch of the training set has fewer samples than a batch.
        DependencyError: matplotlib is not installed.
    """
    folder = Path(out)
    name, degree, drawn = augmented_batches(opt, batches)
    blocks: List[Block] = [
        Heading(f'{name} on batches of {Path(opt).name}', 1),
        Text(f'Certainty: {degree}. {_LEGEND}'),
    ]
    for batch in drawn:
        png, file = _picture(batch), f'augment_{batch.number}.png'
        with replacing(folder / file) as partial:
            partial.write_bytes(png)
        done = batch.result.operation or 'nothing'
        blocks += [
            Heading(f'Batch {batch.number}: {done}'),
            Picture(png, f'{len(batch.lq)} samples, their partners, masks and results: {done}', file),
        ]
    page = folder / 'augment.html'
    write_text(page, render_page(f'{name}: batches', blocks))
    return page


def augmented_batches(opt: PathLike, count: int) -> Tuple[str, str, Iterator[AugmentedBatch]]:
    """Return the type of the augmentation, how certain it is, and the batches, made one by one.

    Raises:
        OptionError, DataError: See :func:`draw_augmentation`.
    """
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    options = _options(read_option_file(opt).options, opt)
    seed = options['manual_seed']
    torch.manual_seed(seed)
    model = RebalancedSRModel(options)
    dataset = build_dataset({**options['datasets']['train'], 'phase': 'train', 'scale': options['scale']})
    size = options['datasets']['train']['batch_size_per_gpu']
    # As BasicSR's EnlargedSampler, by which a small set fills large batches.
    samples = math.ceil(len(dataset) * options['datasets']['train']['dataset_enlarge_ratio'])
    if samples < size:
        raise DataError(
            'An epoch of the training set has fewer samples than a batch',
            where=f'{opt}: datasets.train',
            expected=f'{size}, batch_size_per_gpu, or more',
            found=f'{samples}: {len(dataset)} images, dataset_enlarge_ratio times',
            remedy='raise dataset_enlarge_ratio, or lower batch_size_per_gpu',
        )
    by_number = getattr(dataset, 'draws_by_number', False)
    order = np.arange(count * size) if by_number else keyed_generator(seed).permutation(samples) % len(dataset)
    batches = _batches(model, dataset, order, size, count, seed)
    return options['train']['augment']['type'], model.augmentation.degree, batches


def _batches(model: Any, dataset: Any, order: np.ndarray, size: int, count: int, seed: int) -> Iterator[AugmentedBatch]:
    from torch.utils.data import default_collate

    from bsr_plugins.data.images.byte_batches import float_batch

    random.seed(seed)
    fetch = getattr(dataset, '__getitems__', lambda numbers: [dataset[number] for number in numbers])
    for number in range(1, count + 1):
        places = np.arange((number - 1) * size, number * size) % len(order)
        batch = float_batch(default_collate(fetch(order[places].tolist())), model.device)
        # Not as a training batch, which would be augmented at once.
        with model.run_state.no_training_batch():
            model.feed_data(batch)
        model.iteration = number - 1
        result = model.augmentation.augmented(batch)
        yield AugmentedBatch(
            number,
            model.lq.cpu(),
            model.gt.cpu(),
            result._replace(**{key: each.cpu() for key, each in result._asdict().items() if isinstance(each, Tensor)}),
        )


def _options(given: Mapping[str, Any], opt: PathLike) -> Dict[str, Any]:
    sections = (given.get(name) for name in ('train', 'datasets'))
    train, datasets = (section if isinstance(section, Mapping) else {} for section in sections)
    dataset = datasets.get('train')
    if not train.get('augment') or not isinstance(dataset, Mapping) or not given.get('network_g'):
        raise OptionError(
            'there is no augmentation of a training to draw',
            where=f'{opt}: {"train.augment" if not train.get("augment") else "datasets.train"}',
            expected='a training file with network_g, datasets.train and train.augment',
            remedy='basicsr option --net FSRCNN --method add makes one',
        )
    for section, option in ((given, _SEED), (dataset, _BATCH_SIZE), (dataset, _ENLARGED)):
        option.read(section, f'{opt}: {option.name}')
    path = {key: value for key, value in (given.get('path') or {}).items() if key.endswith('_saliency')}
    return {
        **given,
        'model_type': 'RebalancedSRModel',
        'is_train': True,
        'dist': False,
        'rank': 0,
        'world_size': 1,
        'num_gpu': int(torch.cuda.is_available()),
        'scale': given.get('scale', 1),
        'manual_seed': given.get('manual_seed') or 0,
        'path': path,
        'network_sigma': None,
        'train': {**_TRAIN, 'augment': train['augment']},
        'val': None,
        'datasets': {
            'train': {'num_worker_per_gpu': 0, 'batch_size_per_gpu': 4, 'dataset_enlarge_ratio': 1, **dataset}
        },
    }


def _picture(batch: AugmentedBatch) -> bytes:
    rows = min(_ROWS, len(batch.lq))
    columns = list(_cells(batch, 0))
    figure = new_figure(1.55 * len(columns) + 0.2, 1.5 * rows + 0.35)
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for sample in range(rows):
        for place, (title, image) in zip(axes[sample], _cells(batch, sample).items()):
            if sample == 0:
                place.set_title(title, fontsize=FONT_SIZE)
            if image is None:
                place.axis('off')
                continue
            # No smoothing: the pixels are what is looked at.
            place.imshow(image, interpolation='nearest', cmap='magma', vmin=0, vmax=1, extent=(0, 1, 1, 0))
            place.set_aspect(image.shape[0] / image.shape[1])
            place.set_xticks([])
            place.set_yticks([])
            if title not in ('partner', 'gt, result'):
                _outline(place, batch.result.mask, sample)
        axes[sample][0].set_ylabel(_change(batch, sample), fontsize=FONT_SIZE - 1)
    return png_bytes(figure, 150)


def _cells(batch: AugmentedBatch, sample: int) -> Dict[str, Optional[np.ndarray]]:
    """Return title -> image of the row of a sample; None stays empty."""
    result = batch.result
    cells: Dict[str, Optional[np.ndarray]] = {'lq': _image(batch.lq[sample])}
    if result.partners is not None:
        partner = int(result.partners[sample])
        cells['partner'] = None if partner == sample else _image(batch.lq[partner])
    changes = not torch.equal(batch.lq[sample], result.lq[sample])
    if result.saliency is not None:
        # Of the others nothing was looked at, and `cam` computes none.
        cells['saliency'] = None
    if result.saliency is not None and changes:
        saliency = result.saliency[sample, 0].float()
        cells['saliency'] = (saliency / saliency.max().clamp(min=1e-12)).numpy()
    cells['lq, result'] = _image(result.lq[sample])
    gt = result.gt[sample]
    if result.loss_mask is not None:
        gt = gt * result.loss_mask[sample % len(result.loss_mask)]
    cells['gt, result'] = _image(gt)
    return cells


def _change(batch: AugmentedBatch, sample: int) -> str:
    pairs = (('lq', batch.lq, batch.result.lq), ('gt', batch.gt, batch.result.gt))
    changed = [name for name, before, after in pairs if not torch.equal(before[sample], after[sample])]
    return f'{" and ".join(changed)} changed' if changed else 'unchanged'


def _image(image: Tensor) -> np.ndarray:
    plain = image.float().clamp(0, 1).permute(1, 2, 0).numpy()
    return plain if plain.shape[2] == 3 else plain[..., 0]


def _outline(axes: Any, mask: Optional[Tensor], sample: int) -> None:
    """Draw the border of a mask, on axes on which an image is the unit square."""
    if mask is None:
        return
    from matplotlib.collections import LineCollection

    inside = np.pad(mask[sample % len(mask), 0].numpy() > 0, 1)
    height, width = (side - 2 for side in inside.shape)
    lines = []
    for y, x in zip(*np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])):
        lines.append([(x / width, y / height), ((x + 1) / width, y / height)])
    for y, x in zip(*np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])):
        lines.append([(x / width, y / height), (x / width, (y + 1) / height)])
    axes.add_collection(LineCollection(lines, colors=_LINE, linewidths=1.4, clip_on=False))
