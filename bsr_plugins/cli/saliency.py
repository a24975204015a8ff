"""``basicsr saliency``: attribution maps of a set of LR images, by ``bsr_plugins.data.saliency.saliency_lmdb``."""

from __future__ import annotations

import argparse
import time
from typing import List

from bsr_plugins.attribution.cam_options import CAM_OPTIONS, CHUNK
from bsr_plugins.cli.messages import say
from bsr_plugins.cli.option_arguments import add_option_arguments, given_options
from bsr_plugins.cli.shard_arguments import (
    add_shard_argument,
    given_shard,
    own_device,
    say_missing,
    shows_progress,
)
from bsr_plugins.data.saliency.saliency_manifest import CELL

HELP = 'make saliency maps of a set of LR images, which ADD augments by'
DESCRIPTION = """\
Attribute each image of a set through a trained network and store the maps as a BasicSR LMDB beside the images:
  <LQ>_saliency.lmdb   8-bit grey PNG by the key of the image; meta_info.txt; manifest.json

A data set reads it by `saliency: PATH`: SaliencyPairedDataset, and those of this package that rebalance. The maps are
those of CAM, which is reconstructed from the supplement of ADD: the options below are what it leaves open.

Interrupted at any moment, the same command continues where it stopped. Under torchrun each process makes a part on a
GPU of its own; so does each job of an array with --shard. The last one to finish puts the parts together.
"""
EXAMPLES = """\
examples:
  %(prog)s -opt test.yml --lq datasets/DIV2K/DIV2K_train_LR_bicubic/X4
  # sub-images, as BSPA draws them
  %(prog)s -opt test.yml --lq-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb
  # a value for each pixel; the second of eight jobs
  %(prog)s -opt test.yml --lq datasets/DIV2K/DIV2K_train_LR_bicubic/X4 --cell 1 --shard 2/8
"""
INTERRUPTED = 'interrupted: run the same command again to continue from here'
# A set of images has no window.
_OPTIONS = tuple(option for option in CAM_OPTIONS if option.name != 'cam_detector')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '-opt', required=True, metavar='YML', help='option file: network_g, and path.pretrain_network_g, its weights'
    )
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument('--lq', metavar='DIR', help='folder of LR images')
    images.add_argument('--lq-lmdb', metavar='LMDB', help='LMDB of LR images, such as those of `basicsr subimages`')
    parser.add_argument('--out', metavar='LMDB', help='the LMDB to make (default: <LQ>_saliency.lmdb)')
    parser.add_argument(
        '--cell',
        type=int,
        default=CELL,
        metavar='PX',
        help=f'means over cells of PX x PX LR pixels ({CELL}); 1: none',
    )
    add_shard_argument(parser)
    parser.add_argument('--device', default='auto', help='cpu, cuda, cuda:1 (default: cuda where there is one)')
    parser.add_argument(
        '--batch',
        type=int,
        default=CHUNK,
        metavar='PX',
        help=f'LR pixels that go through the network at once ({CHUNK}): more is faster on a GPU, and takes its memory',
    )
    add_option_arguments(parser, _OPTIONS)


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Make the LMDB, or a part of it, and print what it holds."""
    cam = given_options(args, _OPTIONS)
    from bsr_plugins.data.saliency.saliency_lmdb import create_saliency_lmdb, default_out
    from bsr_plugins.data.saliency.saliency_network import saliency_network
    from bsr_plugins.data.saliency.source_images import images_of_folder, images_of_lmdb

    start = time.monotonic()
    shard, device = given_shard(args), own_device(args.device)
    lq = args.lq if args.lq_lmdb is None else args.lq_lmdb
    out = default_out(lq) if args.out is None else args.out
    network = saliency_network(args.opt)
    images = images_of_folder(lq) if args.lq_lmdb is None else images_of_lmdb(lq)
    made = create_saliency_lmdb(
        images,
        network,
        out,
        cam,
        args.cell,
        shard,
        args.batch,
        device,
        progress=shows_progress(),
    )
    took = f'{made.made} made in {time.monotonic() - start:.1f} s on {device}' if made.made else 'already there'
    if made.missing and shard is not None:
        say_missing(str(made.path), shard, took, made.missing, ['saliency', *argv])
        return 0
    say(f'{made.path}: {made.total} maps, {took}')
    return 0
