"""The checksum by which a resumed run tells that its images are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

from bsr_plugins.runs.data_fingerprint import data_fingerprint


class _Images:
    def __init__(self, opt: Optional[Dict[str, Any]] = None) -> None:
        self.opt = opt


def test_it_tells_images_apart_and_takes_copies_for_the_same(tmp_path: Path) -> None:
    def made(folder: str, png: bytes, bmp: bytes, lmdb: bytes) -> int:
        (tmp_path / folder / 'a.lmdb').mkdir(parents=True)
        (tmp_path / folder / 'a.png').write_bytes(png)
        (tmp_path / folder / 'a.bmp').write_bytes(bmp)
        (tmp_path / folder / 'a.lmdb' / 'data.mdb').write_bytes(lmdb)
        entries = [{'lq_path': str(tmp_path / folder / 'a.png')}, str(tmp_path / folder / 'a.bmp').encode(), 'a_key']
        return data_fingerprint(_Images({'dataroot_gt': str(tmp_path / folder / 'a.lmdb'), 'scale': 2}), entries)

    large = bytes(50_000)
    first = made('first', b'12', large, large)
    assert made('same', b'12', large, large) == first
    assert made('longer', b'123', large, large) != first
    # What is not compressed has as many bytes whatever it shows.
    assert made('drawn', b'12', bytes(25_000) + b'1' + bytes(24_999), large) != first
    assert made('written', b'12', large, b'1' + bytes(49_999)) != first


def test_the_files_are_looked_at_once(tmp_path: Path) -> None:
    assert data_fingerprint(_Images(), [str(tmp_path / 'gone.png')]) == data_fingerprint(_Images(), [b'gone'])
    (tmp_path / 'a.png').write_bytes(b'1')
    images = _Images()
    first = data_fingerprint(images, [str(tmp_path / 'a.png')])
    (tmp_path / 'a.png').write_bytes(b'12')
    assert data_fingerprint(images, [str(tmp_path / 'a.png')]) == first
    assert data_fingerprint(_Images(), [str(tmp_path / 'a.png')]) != first
