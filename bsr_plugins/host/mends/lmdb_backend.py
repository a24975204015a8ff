"""Mend of BasicSR's LmdbBackend: two data sets of one process may read the same LMDB.

The lmdb package refuses to open a database twice in one process, so that a train set without workers beside another
data set on the same LMDB (the uniform and the inverse half of BSPA, train and validation) ends in ``lmdb.Error: ...
already open in this process``. The code is basicsr/utils/file_client.py.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, List, Union


def mend_lmdb_backend(module: ModuleType) -> bool:
    """Let ``LmdbBackend`` take this process's one handle of an LMDB; other than default settings stay upstream's.

    Returns:
        True where the class was mended, False where it already was.
    """
    backend = module.LmdbBackend
    if getattr(backend, 'patched_by_bsr_plugins', False):
        return False
    upstream_init = backend.__init__

    def __init__(  # noqa: N807
        self: Any,
        db_paths: Union[str, List[str]],
        client_keys: Union[str, List[str]] = 'default',  # noqa: N807
        *args: Any,
        **kwargs: Any,
    ) -> None:
        paths = db_paths if isinstance(db_paths, list) else [db_paths]
        names = client_keys if isinstance(client_keys, list) else [client_keys]
        from bsr_plugins.data.images.image_store import refuse_stores
        from bsr_plugins.data.images.lmdb_file import check_lmdb
        from bsr_plugins.data.images.lmdb_reader import open_reader

        refuse_stores(paths)
        if args or kwargs or len(paths) != len(names):
            for path in paths:
                check_lmdb(path)
            upstream_init(self, db_paths, client_keys, *args, **kwargs)
            return
        self.db_paths = [str(path) for path in paths]
        self._client = {name: open_reader(path) for name, path in zip(names, self.db_paths)}

    backend.__init__ = __init__
    backend.patched_by_bsr_plugins = True
    return True
