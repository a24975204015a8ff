"""The one file that ``basicsr link`` puts into a fork: what it says, and how it is recognised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from bsr_plugins.common.errors import LinkError

VERSION = 1
MARKER = '# bsr_plugins stub'

# Runs in the midst of the fork's own import, so it imports the pack, which imports nothing of basicsr, and no more: the
# registration follows when the fork's last package is complete. With the pack uninstalled the fork runs as it did.
TEXT = f"""{MARKER} {VERSION}: brings the installed bsr_plugins into this fork. `basicsr unlink` removes it.
try:
    import bsr_plugins  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != 'bsr_plugins':
        raise
"""

_TEXTS = {VERSION: TEXT}
_FIRST_LINE = re.compile(re.escape(MARKER.encode()) + rb' (\d+):')


def stub_version(path: Path) -> Optional[int]:
    """Return the version of the stub in ``path``; None where there is no file, or another one.

    Raises:
        LinkError: The file is a stub, but not as this release, or an earlier one, wrote it.
    """
    if path.is_symlink() or not path.is_file():
        return None
    content = path.read_bytes()
    found = _FIRST_LINE.match(content)
    if found is None:
        return None
    version = int(found.group(1))
    if version not in _TEXTS:
        raise LinkError(
            'The stub comes from another release of bsr_plugins',
            where=path,
            expected=f'version {VERSION} or earlier',
            found=f'version {version}',
            remedy='remove it with the release that wrote it, or delete the file yourself',
        )
    if content != _TEXTS[version].encode():
        raise LinkError(
            'The stub has been edited since `basicsr link` wrote it',
            where=path,
            expected='the text that `basicsr link` wrote',
            found='the same first line, then different text',
            remedy='save what you added, delete the file, and run the command again',
        )
    return version
