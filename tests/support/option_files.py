"""Option files for the tests of the check, and images to go with them, written by the standard library alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

TRAIN = """\
name: EDSR
model_type: SRModel
scale: 4
num_gpu: auto
datasets:
  train:
    name: DIV2K
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {type: disk}
    gt_size: 192
    num_worker_per_gpu: 6
    batch_size_per_gpu: 16
  val:
    name: Set5
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {type: disk}
network_g:
  type: EDSR
  num_in_ch: 3
  num_out_ch: 3
path:
  pretrain_network_g: ~
  resume_state: ~
train:
  optim_g:
    type: Adam
    lr: !!float 1e-4
  scheduler:
    type: MultiStepLR
    milestones: [200000]
  total_iter: 300000
  pixel_opt:
    type: L1Loss
val:
  val_freq: !!float 5e3
  save_img: false
  metrics:
    psnr:
      type: calculate_psnr
      crop_border: 4
logger:
  print_freq: 100
  save_checkpoint_freq: !!float 5e3
"""


def changed(text: str, old: str, new: str) -> str:
    """Return ``text`` with the first ``old`` replaced; it has to be there."""
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def write_png(path: Path, height: int, width: int) -> None:
    """Write a grey PNG, whole and right, with the standard library alone."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))

    header = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b'\0' + bytes(width)) * height)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', rows) + chunk(b'IEND', b''))


def write_pairs(folder: Path, count: int, side: int = 400, scale: int = 4) -> None:
    """Write ``folder/HR`` and ``folder/LR`` with ``count`` pairs of square images, 0000.png and on."""
    for name, length in (('HR', side), ('LR', side // scale)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            write_png(folder / name / f'{number:04}.png', length, length)
