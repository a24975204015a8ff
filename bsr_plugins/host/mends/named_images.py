"""Mend of BasicSR's data functions: an image, a list or an LMDB that cannot be read is named.

``imfrombytes`` gets bytes without their path, so that a damaged image ends in ``'NoneType' object has no attribute
'astype'``, perhaps after days and in a worker. What ``FileClient.get`` returned last is therefore kept with its place.
Which data set asks does not matter. The code is basicsr/utils/{file_client,img_util}.py and
basicsr/data/{data_util,transforms}.py.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import deque
from types import ModuleType
from typing import Any, Callable, Deque, Iterable, List, Tuple, Type

from bsr_plugins.common.errors import DataError, ImageFileError
from bsr_plugins.host.patches import replace_function

_MARK = 'named_by_bsr_plugins'
# Sets of pairs read both before they decode them; more are of no use to a message. The bytes themselves are not kept:
# whatever has their address later was read later, and is found first.
_read: Deque[Tuple[int, str]] = deque(maxlen=4)


def name_what_is_read(module: ModuleType) -> bool:
    """Mend ``basicsr.utils.file_client``: what cannot be read raises :class:`DataError` with its path or key.

    Returns:
        True where something was mended, False where it already was.
    """
    client = module.FileClient
    if getattr(client.get, _MARK, False):
        return False
    upstream = client.get

    @functools.wraps(upstream)
    def get(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        place = _place(self, filepath, *args, **kwargs)
        try:
            content = upstream(self, filepath, *args, **kwargs)
        except OSError as error:
            raise ImageFileError(f'image {place} cannot be read', where=place, found=error) from error
        except UnicodeEncodeError:  # keys are 1 to 511 bytes of ASCII
            content = None
        except _lmdb_errors('BadValsizeError'):
            content = None
        except _lmdb_errors('Error') as error:
            raise DataError(
                f'The LMDB is damaged at {place}', where=place, found=error, remedy='make it again'
            ) from error
        if content is None:
            raise DataError(
                f'The LMDB has no record {str(filepath)!r}, though its meta_info.txt lists it',
                where=place,
                remedy='make the LMDB again, with ASCII names',
            )
        _read.append((id(content), place))
        return content

    setattr(get, _MARK, True)
    client.get = get
    return True


def name_what_is_decoded(module: ModuleType) -> bool:
    """Mend ``basicsr.utils.img_util``: bytes that are no image raise :class:`DataError` with where they were read."""

    def around(upstream: Callable[..., Any], content: Any, *args: Any, **kwargs: Any) -> Any:
        from bsr_plugins.data.images.image_reading import decoded

        place = next((place for read, place in reversed(_read) if read == id(content)), 'in memory')
        return decoded(lambda: upstream(content, *args, **kwargs), content, f'image {place}', place)

    return _wrap(module, _named(module, 'imfrombytes'), around)


def name_what_is_cropped(module: ModuleType) -> bool:
    """Mend ``basicsr.data.transforms``: a pair of another scale, or smaller than the crop, is named."""

    def around(upstream: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return upstream(*args, **kwargs)
        except ValueError as error:
            given = kwargs.get('gt_path', args[-1] if isinstance(args[-1], (str, os.PathLike)) else None)
            places = [str(given)] if given is not None else [place for _, place in list(_read)[-2:]]
            raise DataError(
                f'No crop can be cut from the image pair {" and ".join(places)}',
                where=' and '.join(places),
                found=' '.join(' '.join(str(part) for part in error.args).split()),
                remedy='replace or remove the pair, or set a smaller gt_size',
            ) from error

    return _wrap(module, _named(module, 'paired_random_crop'), around)


def name_what_is_listed(module: ModuleType) -> bool:
    """Mend ``basicsr.data.data_util``: folders, lists and LMDBs that cannot be listed, or do not pair, are named."""

    def around(upstream: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        from bsr_plugins.data.images.image_store import refuse_stores
        from bsr_plugins.data.images.name_lists import listing_errors

        given = [*args, *kwargs.values()]
        folders = next((value for value in given if isinstance(value, (list, tuple))), given[:1])
        several = next((each for each in folders if isinstance(each, (list, tuple))), None)
        if several is not None:
            raise DataError(
                'A data root is a list, and this data set reads one folder, or one LMDB',
                where=', '.join(map(str, several)),
                expected='a path',
                remedy='put the images, or links to them, into one folder, or take a data set of the pack that reads '
                'several (options/README.md)',
            )
        template = next((value for value in given if isinstance(value, str) and '{' in value), '{}')
        refuse_stores(map(str, folders))
        with listing_errors(folders, template):
            return upstream(*args, **kwargs)

    mended = _wrap(module, _named(module, 'paths_from_', 'paired_paths_from_'), around)
    return _wrap(module, ['read_img_seq'], _read_frames) or mended


def _read_frames(upstream: Callable[..., Any], path: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return upstream(path, *args, **kwargs)
    except AttributeError:
        from bsr_plugins.data.images.image_reading import read_image
        from bsr_plugins.data.images.name_lists import files_in

        for name in path if isinstance(path, list) else files_in(path):
            read_image(name if isinstance(path, list) else os.path.join(path, name))
        raise


def _named(module: ModuleType, *starts: str) -> List[str]:
    return [name for name in vars(module) if name.startswith(starts)]


def _wrap(module: ModuleType, names: Iterable[str], around: Callable[..., Any]) -> bool:
    mended = False
    for name in list(names):
        upstream = getattr(module, name, None)
        if callable(upstream) and not getattr(upstream, _MARK, False):
            replace_function(module, name, _wrapper(upstream, around))
            mended = True
    return mended


def _wrapper(upstream: Callable[..., Any], around: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(upstream)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(upstream, *args, **kwargs)

    setattr(wrapper, _MARK, True)
    return wrapper


def _lmdb_errors(*names: str) -> Tuple[Type[BaseException], ...]:
    # Where it was not imported it has raised nothing.
    return tuple(getattr(sys.modules['lmdb'], name) for name in names) if 'lmdb' in sys.modules else ()


def _place(client: Any, filepath: Any, client_key: Any = 'default', *args: Any, **kwargs: Any) -> str:
    paths = dict(zip(getattr(client.client, '_client', ()), getattr(client.client, 'db_paths', ())))
    return f'{paths[client_key]}: {filepath}' if client_key in paths else str(filepath)
