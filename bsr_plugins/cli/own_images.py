"""What ``basicsr option --hr`` makes of a folder of images: everything that the option file then names."""

from __future__ import annotations

import argparse
from typing import Iterable, Tuple

from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.degradations import BICUBIC
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.schedule import fitted_stages
from bsr_plugins.options.templates.setting import OwnData

FOLDER = 'datasets'


def arguments(args: argparse.Namespace) -> Tuple[str, ...]:
    """Return the arguments for images of one's own, as they were given."""
    given = ((f'--{name}', getattr(args, name)) for name in ('hr', 'lr', 'val', 'degradation', 'iters'))
    return tuple(word for name, value in given if value is not None for word in (name, str(value)))


def make(args: argparse.Namespace, scale: int, methods: Iterable[str]) -> OwnData:
    """Make the images ready for some methods, say what was done, and return what the option file says of them.

    Raises:
        OptionError: The number of iterations is too small.
        DataError: The images cannot be used, or nothing can be written.
    """
    from bsr_plugins.data.own.folders import folder_for, prepare_own_images
    from bsr_plugins.data.own.manifest import Request
    from bsr_plugins.data.own.windows import classes_for, make_windows

    rows = [METHODS[method] for method in methods]
    with_classes = any(row.needs_classes for row in rows)
    if args.iters is not None:
        if args.iters < 1:
            raise OptionError('--iters must be at least 1', where='--iters', found=args.iters)
        if any(row.dataset for row in rows):
            fitted_stages(args.iters)
    degradation = args.degradation or BICUBIC
    if args.lr is not None:
        refuse_unused(args, 'with --lr', '--degradation')
    if scale == 1 and args.lr is None and degradation == BICUBIC:
        raise OptionError(
            'At scale 1 bicubic LR images are the HR images themselves',
            where='--scale',
            expected='LR images, or another degradation',
            remedy='add --lr DIR, or --degradation bd or fpl',
        )
    request = Request(args.hr, scale, args.lr, args.val, degradation)
    folder = folder_for(request, FOLDER)
    print(f'{folder.as_posix()}/: here the images are made ready for training; {args.hr} stays as it is', flush=True)
    images = prepare_own_images(request, folder)
    for note in images.notes:
        print(f'note: {note}')
    counts = f'{len(images.training)} images to train on, {len(images.held_out)} '
    counts += 'held out for validation' if args.val is None else f'of {args.val} for validation'
    print(counts, flush=True)
    windows = make_windows(images, scale, with_classes, degradation=degradation)
    return OwnData(
        name=folder.name,
        source=f'The images of {args.hr!r}: {counts}; {folder.as_posix()}/images.json names them.',
        uniform=windows.uniform,
        count=len(images.training),
        smallest=images.smallest,
        val_hr=f'{folder.as_posix()}/val_HR',
        val_lr=f'{folder.as_posix()}/val_LR',
        classes=windows.classes,
        crop=windows.crop,
        num_classes=classes_for(windows.class_count) if with_classes else None,
        class_count=windows.class_count,
    )
