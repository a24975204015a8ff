"""Git's list of files to leave out, ``info/exclude``: lines added there, and removed without a trace."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import List, NamedTuple, Optional

from bsr_plugins.common.files import replacing

# One block holds all lines of the pack. Its header says what else was done to the file, so that it can be undone:
# 'folder': info/ was made; 'file': the file was made; 'line end': the line before had no end.
_HEADER = re.compile(rb'# bsr_plugins, kept by `basicsr link`(?: \(made: ([a-z, ]+)\))?\n')


class Repository(NamedTuple):
    """A git working tree and its ``info/exclude``."""

    root: Path
    exclude: Path


def find_repository(folder: Path) -> Optional[Repository]:
    """Return the git working tree that ``folder`` is in, None where it is in none.

    In worktrees and submodules ``.git`` is a file that names the folder; worktrees of one repository share one list.
    """
    folder = folder.resolve()
    for root in (folder, *folder.parents):
        git = root / '.git'
        if git.is_file():
            name, _, target = git.read_text(encoding='utf-8').strip().partition(': ')
            git = (root / target) if name == 'gitdir' else git
        if (git / 'HEAD').is_file():
            common = git / 'commondir'
            shared = git / common.read_text(encoding='utf-8').strip() if common.is_file() else git
            return Repository(root, shared.resolve() / 'info' / 'exclude')
    return None


def elsewhere(path: Path, repository: Repository) -> List[Path]:
    """Return where ``path`` would lie in the other worktrees of the repository, which share its list."""
    common = repository.exclude.parents[1]
    roots = {common.parent} if common.name == '.git' else set()
    for name in common.glob('worktrees/*/gitdir'):
        roots.add(Path(name.read_text(encoding='utf-8').strip()).parent)
    relative = path.resolve().relative_to(repository.root)
    return [root / relative for root in sorted(roots) if root.resolve() != repository.root]


def pattern_of(path: Path, repository: Repository) -> str:
    """Return the line that leaves out exactly ``path``."""
    relative = path.resolve().relative_to(repository.root).as_posix()
    return '/' + re.sub(r'([\\*?\[ ])', r'\\\1', relative)


def add_pattern(exclude: Path, pattern: str) -> bool:
    """Put ``pattern`` into the block of the pack; return whether it was not there yet."""
    content = exclude.read_bytes() if exclude.is_file() else b''
    block = _Block.read(content)
    if block is None:
        made = ['file'] * (not exclude.is_file()) + ['folder'] * (not exclude.parent.is_dir())
        before = content
        if content and not content.endswith(b'\n'):
            made.append('line end')
            before += b'\n'
        block = _Block(before, made, [], b'')
    elif pattern in block.patterns:
        return False
    _write(exclude, block._replace(patterns=[*block.patterns, pattern]).to_bytes())
    return True


def remove_pattern(exclude: Path, pattern: str) -> bool:
    """Take ``pattern`` out; return whether it was there. With the last one goes whatever :func:`add_pattern` made."""
    block = _Block.read(exclude.read_bytes()) if exclude.is_file() else None
    if block is None or pattern not in block.patterns:
        return False
    left = [each for each in block.patterns if each != pattern]
    if left:
        _write(exclude, block._replace(patterns=left).to_bytes())
        return True
    before = block.before
    if 'line end' in block.made and not block.after:
        before = before[:-1]
    if before + block.after or 'file' not in block.made:
        _write(exclude, before + block.after)
        return True
    exclude.unlink()
    if 'folder' in block.made and not any(exclude.parent.iterdir()):
        exclude.parent.rmdir()
    return True


class _Block(NamedTuple):
    before: bytes
    made: List[str]
    patterns: List[str]
    after: bytes

    @classmethod
    def read(cls, content: bytes) -> Optional[_Block]:
        header = _HEADER.search(content)
        if header is None:
            return None
        made = header.group(1).decode().split(', ') if header.group(1) else []
        lines = content[header.end() :].splitlines(keepends=True)
        patterns = []
        for line in lines:
            if not (line.startswith(b'/') and line.endswith(b'.py\n') and b'/bsr_plugins_' in line):
                break
            patterns.append(line.decode().rstrip('\n'))
        return cls(content[: header.start()], made, patterns, b''.join(lines[len(patterns) :]))

    def to_bytes(self) -> bytes:
        made = f' (made: {", ".join(self.made)})' if self.made else ''
        lines = [f'# bsr_plugins, kept by `basicsr link`{made}', *self.patterns]
        return self.before + ''.join(f'{line}\n' for line in lines).encode() + self.after


def _write(path: Path, content: bytes) -> None:
    path = path.resolve()
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        if path.exists():
            shutil.copymode(path, temporary)
