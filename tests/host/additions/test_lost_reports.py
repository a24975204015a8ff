"""What is only a report ends no training, and is said once; a test that cannot write its pictures names the file."""

from __future__ import annotations

import errno
import logging
import threading
import types
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from bsr_plugins.host.additions import lost_reports
from bsr_plugins.runs import reports, training_position


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[str]]:
    lines: List[str] = []
    monkeypatch.setattr(reports, '_said', set())
    logger = logging.getLogger('basicsr')
    monkeypatch.setattr(logger, 'warning', lines.append)
    yield lines


def full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_tensorboard(log: List[str]) -> None:
    calls: List[int] = []

    class Writer:
        log_dir = 'x'

        def add_scalar(self, *args: Any) -> None:
            calls.append(1)
            full()

        close = add_scalar

    module = types.ModuleType('logger')
    module.init_tb_logger = lambda: Writer()  # type: ignore[attr-defined]
    assert lost_reports.survive_lost_logs(module) and not lost_reports.survive_lost_logs(module)
    writer = module.init_tb_logger()  # type: ignore[attr-defined]
    writer.add_scalar('a', 1, 2)
    writer.add_scalar('a', 1, 2)
    writer.close()
    assert calls == [1] and writer.log_dir == 'x'
    assert len(log) == 1 and 'tensorboard cannot be written' in log[0] and 'No space left' in log[0]


def test_a_writer_of_another_process_is_none() -> None:
    module = types.ModuleType('logger')
    module.init_tb_logger = lambda: None  # type: ignore[attr-defined]
    assert lost_reports.survive_lost_logs(module)
    assert module.init_tb_logger() is None  # type: ignore[attr-defined]


def test_the_log_file(log: List[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger('test')
    handler = logging.FileHandler('/dev/full')
    logger.addHandler(handler)
    module = types.ModuleType('logger')
    module.get_root_logger = lambda: logger  # type: ignore[attr-defined]
    lost_reports.survive_lost_logs(module)
    module.get_root_logger().error('a')  # type: ignore[attr-defined]
    logger.error('b')
    assert capsys.readouterr().err == ''
    assert len(log) == 1 and '/dev/full cannot be written' in log[0]


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_pictures(number: int, log: List[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = types.SimpleNamespace(free=0 if number == errno.ENOSPC else 1 << 40)
    monkeypatch.setattr('shutil.disk_usage', lambda path: free)
    monkeypatch.setattr('os.access', lambda path, mode: number != errno.EACCES)
    module = types.ModuleType('img_util')

    def imwrite(img: Any, file_path: str) -> None:
        if not cv2.imwrite(file_path):
            raise OSError('Failed in writing images.')

    cv2 = types.SimpleNamespace(imwrite=lambda path: False)
    module.imwrite = imwrite  # type: ignore[attr-defined]
    assert lost_reports.survive_lost_pictures(module) and not lost_reports.survive_lost_pictures(module)
    monkeypatch.setattr(training_position, 'train_set', lambda: None)
    with pytest.raises(OSError, match='a.png') as caught:
        module.imwrite(None, str(tmp_path / 'a.png'))  # type: ignore[attr-defined]
    assert caught.value.errno == number
    monkeypatch.setattr(training_position, 'train_set', object)
    assert module.imwrite(None, str(tmp_path / 'a.png')) is False  # type: ignore[attr-defined]
    assert module.imwrite(None, str(tmp_path / 'b.png')) is False  # type: ignore[attr-defined]
    assert len(log) == 1 and 'A picture of a validation cannot be written' in log[0]


def test_the_thread_of_tensorboard_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    class _AsyncWriterThread(threading.Thread):
        def run(self) -> None:
            raise self.error  # type: ignore[attr-defined]

    shown: List[Any] = []
    monkeypatch.setattr(threading, 'excepthook', lambda args: shown.append(args.exc_type))
    lost_reports.survive_lost_logs(types.ModuleType('logger'))
    for error in (OSError(errno.ENOSPC, 'full'), ValueError('odd')):
        thread = _AsyncWriterThread()
        thread.error = error  # type: ignore[attr-defined]
        thread.start()
        thread.join()
    assert shown == [ValueError]
