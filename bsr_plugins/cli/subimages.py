"""``basicsr subimages``: images into sub-images, in LMDBs or raw image stores, by ``data.subimages.subimage_lmdb``."""

from __future__ import annotations

import argparse
import time
from typing import List

from bsr_plugins.cli.messages import say
from bsr_plugins.cli.shard_arguments import add_shard_argument, given_shard, say_missing, shows_progress
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.shown import counted
from bsr_plugins.data.images.degradations import BICUBIC, DEGRADATIONS, FPL
from bsr_plugins.data.images.image_encoding import ENCODINGS
from bsr_plugins.data.subimages.layouts import IMAGES, LAYOUTS, LMDB
from bsr_plugins.data.subimages.windows import WindowGrid, default_grid

HELP = 'cut HR and LR images into sub-images, kept in LMDBs that BasicSR reads, or in raw image stores'
DESCRIPTION = """\
Cut HR and LR images into overlapping windows and store them as BasicSR LMDBs:
  OUT/HR_sub.lmdb, OUT/LR_sub_x<scale>.lmdb (keys <image>_s001, the same in both; meta_info.txt; manifest.json)

With --layout images they are raw image stores, which the data sets and commands of this package read:
  OUT/HR_images.store, OUT/LR_images_x<scale>.store (whole images, not encoded; windows are crops of them)

A further scale with the same windows adds only its LR LMDB. Interrupted at any moment, the same command continues where
it stopped. Each job of an array makes a part with --shard, and each process under torchrun; the last one to finish puts
them together, into the same bytes. Grey and transparent images become 3-channel colour; 16-bit images are refused.
"""
EXAMPLES = """\
examples:
  # BSPA's inverse-sampled half, x4: 128/64/48 windows (x3: 129/63/48)
  %(prog)s --hr datasets/DIV2K/DIV2K_train_HR --lr datasets/DIV2K/DIV2K_train_LR_bicubic/X4 --scale 4 \\
      --out datasets/DIV2K/sub_128
  # the uniform half at full reading speed: large windows, uncompressed, that leave no rest out
  %(prog)s --hr datasets/DIV2K/DIV2K_train_HR --lr datasets/DIV2K/DIV2K_train_LR_bicubic/X4 --scale 4 \\
      --crop 480 --step 240 --thresh 0 --encoding bmp --out datasets/DIV2K/sub_480
  # blurred and downsampled LR images at x3, as in RCAN's tables
  %(prog)s --hr datasets/DIV2K/DIV2K_train_HR --scale 3 --degradation bd --out datasets/DIV2K/sub_129_bd
  # DF2K: several folders of HR images, in one set
  %(prog)s --hr DIV2K_train_HR Flickr2K_HR --lr DIV2K_train_LR_bicubic/X4 Flickr2K_LR_bicubic/X4 --scale 4 --out df2k
  # a third of the disk and a tenth of the time to read: whole images; the second of eight jobs
  %(prog)s --hr datasets/LSDIR/HR --scale 4 --layout images --out datasets/LSDIR/store --shard 2/8
  # ClassSR's pyramid; LR images are made here
  %(prog)s --hr datasets/DIV2K/DIV2K_train_HR --scale 4 --factors 1 .9 .8 .7 .6 --out datasets/DIV2K/sub_pyramid
"""
INTERRUPTED = 'interrupted: run the same command again to continue from here'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--hr', required=True, nargs='+', metavar='DIR', help='folder of HR images, or several')
    parser.add_argument(
        '--lr',
        nargs='+',
        metavar='DIR',
        help='folder of LR images for each of --hr, named <name>x<scale> or as the HR ones; '
        "without it they are made by BasicSR's MATLAB-like bicubic",
    )
    parser.add_argument(
        '--degradation',
        choices=DEGRADATIONS,
        help='how LR images are made, without --lr: bicubic (default); bd: 7 x 7 Gaussian of sigma 1.6, then '
        "downsampled, as in RCAN's tables at x3; fpl: Eq. 8 of FPL, bicubic, 3 x 3 Gaussian of sigma 5, noise of 5",
    )
    parser.add_argument('--noise-seed', type=int, default=0, metavar='N', help='of the noise of fpl (0)')
    parser.add_argument('--scale', required=True, type=int, metavar='S', help='HR side / LR side')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for the LMDBs or stores')
    parser.add_argument(
        '--layout',
        choices=LAYOUTS,
        default=LMDB,
        help='lmdb: windows, encoded one by one (default); images: whole images as they are, in raw image stores',
    )
    add_shard_argument(parser)
    parser.add_argument('--crop', type=int, metavar='PX', help='window side in HR pixels (128; x3: 129)')
    parser.add_argument('--step', type=int, metavar='PX', help='distance between windows (64; x3: 63)')
    parser.add_argument(
        '--thresh', type=int, metavar='PX', help='a tail longer than this gets a window of its own (48)'
    )
    parser.add_argument(
        '--factors',
        type=float,
        nargs='+',
        default=[1.0],
        metavar='F',
        help="ClassSR's pyramid: also windows of the HR shrunk by these factors (1)",
    )
    parser.add_argument(
        '--encoding',
        choices=list(ENCODINGS),
        help='png-fast (default); png: the bytes BasicSR writes, slower to make and to read; fpng: '
        'fastest PNG, needs the package fpng; bmp: uncompressed, reads fastest, about twice the disk',
    )
    parser.add_argument('--workers', type=int, metavar='N', help='number of threads (default: one per core)')
    parser.add_argument('--hr-template', default='{}', metavar='T', help="HR stems, {} for the name ('{}')")
    parser.add_argument('--lr-template', metavar='T', help="LR stems, {} for the name (such as '{}x4')")


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Make the LMDBs that are not there yet and print how many sub-images each holds."""
    from bsr_plugins.data.subimages.lmdb_manifest import degradation_note
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    if args.lr is None:
        refuse_unused(args, 'without --lr', '--lr-template')
    else:
        refuse_unused(args, 'with --lr', '--degradation')
    if args.degradation != FPL:
        refuse_unused(args, 'without --degradation fpl', '--noise-seed')
    if args.layout == IMAGES:
        refuse_unused(args, 'with --layout images', '--encoding')
    shard = given_shard(args)
    start = time.monotonic()
    chosen = (args.crop, args.step, args.thresh)
    standard = default_grid(args.scale)
    created = create_subimage_lmdbs(
        args.hr,
        args.out,
        args.scale,
        lr=args.lr,
        grid=WindowGrid(*(usual if value is None else value for value, usual in zip(chosen, standard))),
        factors=args.factors,
        encoding=args.encoding or 'png-fast',
        workers=args.workers,
        hr_template=args.hr_template,
        lr_template=args.lr_template,
        degradation=args.degradation or BICUBIC,
        noise_seed=args.noise_seed,
        progress=shows_progress(),
        layout=args.layout,
        shard=shard,
    )
    if created.missing and shard is not None:
        seconds = f'{time.monotonic() - start:.1f} s'
        took = f'{counted(created.images, "image", "images")} in {seconds}' if created.images else 'nothing to make'
        say_missing(str(created.hr.parent), shard, took, created.missing, ['subimages', *argv])
        return 0
    for path in (created.hr, created.lr):
        state = f'made in {time.monotonic() - start:.1f} s' if path in created.made else 'already there'
        say(f'{path}: {created.sub_images} sub-images, {state}')
    note = degradation_note(created.lr)
    if note is not None:
        say(note)
    return 0
