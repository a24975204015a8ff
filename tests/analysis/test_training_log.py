"""BasicSR's log lines as they stand in its files, read back."""

from __future__ import annotations

import logging

import pytest

from bsr_plugins.analysis.training_log import parse_training_log, read_training_log
from bsr_plugins.common.errors import DataError

# A bar at the start of a line stands for BasicSR's tab.
LOG = """\
2026-01-02 10:00:00,001 INFO:
                ____                _       _____  ____
Version Information:
| BasicSR: 1.4.2
2026-01-02 10:00:00,002 INFO:
  name: demo
  val:[
    metrics:[
      psnr:[
        type: calculate_psnr
2026-01-02 10:00:01,000 INFO: [demo_..][epoch:  0, iter:     500, lr:(1.000e-03,)] [eta: 0:04:31, time (data): 0.589 (0.025)] l_pix: 3.1781e-02
2026-01-02 10:00:01,500 INFO: BSPA round 1 after iteration 500: p 0.0250, frozen share 0.0250, completeness gap +0.0101
2026-01-02 10:00:01,900 INFO: Validation set5 in inverse stage 1, iteration 2 of 2
2026-01-02 10:00:02,000 INFO: Validation set5
| # psnr: 29.5190	Best: 29.5190 @ 500 iter
| # ssim: 0.8100	Best: 0.8100 @ 500 iter

2026-01-02 10:00:02,100 INFO: Validation set14
| # psnr: 27.0000	Best: 27.0000 @ 500 iter

2026-01-02 10:00:03,000 INFO: [demo_..][epoch:  1, iter:   1,000, lr:(1.000e-03,2.000e-04,)] [eta: 0:00:00, time (data): 0.1 (0.0)] l_pix: 2.0e-02 inverse_stage: 1.0000e+00 completeness_gap: -3.7504e-02
2026-01-02 10:00:04,000 INFO: End of training. Time consumed: 0:00:04
2026-01-02 10:00:04,000 INFO: Save the latest model.
2026-01-02 10:00:05,000 INFO: Validation set5
| # psnr: 30.1000	Best: 30.1000 @ 1002 iter
""".replace('| ', '\t ')  # noqa: E501


def test_losses_of_every_logged_iteration():
    values = parse_training_log(LOG).values
    assert values['l_pix'] == {500: 3.1781e-02, 1000: 2.0e-02}
    assert values['completeness_gap'] == {1000: -3.7504e-02}
    assert set(values) == {'l_pix', 'inverse_stage', 'completeness_gap'}


def test_metrics_belong_to_their_data_set_and_to_the_iteration_logged_last():
    assert parse_training_log(LOG).metrics == {
        ('set5', 'psnr'): {500: 29.519, 1000: 30.1},
        ('set5', 'ssim'): {500: 0.81},
        ('set14', 'psnr'): {500: 27.0},
    }


def test_metric_lines_of_nothing_are_not_read():
    assert parse_training_log('\t # psnr: 29.5190\tBest: 1\n').metrics == {}


@pytest.mark.parametrize(
    ('stages', 'spans'),
    [([], []), ([0, 0], []), ([1], [(0, 10)]), ([0, 1, 1, 0], [(10, 30)]), ([0, 1, 0, 1], [(10, 20), (30, 40)])],
)
def test_spans(stages, spans):
    lines = [
        f'INFO: [d..][epoch:  0, iter:{10 * (k + 1):8,d}, lr:(1.000e-03,)] inverse_stage: {stage:.4e} '
        for k, stage in enumerate(stages)
    ]
    assert parse_training_log('\n'.join(lines)).spans('inverse_stage') == spans


def test_it_reads_what_basicsr_writes(caplog):
    from basicsr.utils.logger import MessageLogger

    opt = {'name': 'a_long_name', 'logger': {'print_freq': 1, 'use_tb_logger': False}, 'train': {'total_iter': 2000}}
    logger = MessageLogger(opt, 0, None)
    stock, logger.logger = logger.logger, logging.getLogger('test_it_reads_what_basicsr_writes')
    with caplog.at_level(logging.INFO, logger=logger.logger.name):
        logger({'epoch': 3, 'iter': 1234, 'lrs': [1e-3], 'time': 0.1, 'data_time': 0.01, 'l_pix': 0.0123, 'p': -1.0})
    assert stock is not logger.logger
    assert parse_training_log(f'INFO: {caplog.messages[0]}').values == {'l_pix': {1234: 0.0123}, 'p': {1234: -1.0}}


def test_later_logs_replace_what_they_repeat(tmp_path):
    (tmp_path / 'train_x_20260102_100000.log').write_text(LOG)
    (tmp_path / 'train_x_20260103_100000.log').write_text(LOG.replace('2.0e-02', '1.0e-02').split('End of')[0])
    (tmp_path / 'test_x_20260104_100000.log').write_text(LOG.replace('2.0e-02', '9.0e-02'))
    log = read_training_log(tmp_path)
    assert log.values['l_pix'] == {500: 3.1781e-02, 1000: 1.0e-02}
    assert log.metrics['set5', 'psnr'] == {500: 29.519, 1000: 30.1}


def test_a_folder_without_a_log(tmp_path):
    (tmp_path / 'train_x.log').write_text('nothing\n')
    with pytest.raises(DataError, match='No training log') as error:
        read_training_log(tmp_path)
    assert 'train_x.log' in str(error.value)
