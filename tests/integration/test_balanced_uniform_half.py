"""Balanced batches as the uniform half of BSPA, in one option file: both halves train, a resume gives the same."""

from __future__ import annotations

import pytest

from training_runs import cut_copy, everything, log_of


@pytest.fixture
def balanced(base_options):
    base_options['name'] = 'balanced'
    base_options['datasets']['train'].update(
        type='RFSBalancedBatchDataset',
        num_intervals=2,
        pic_max='auto',
        max_tries=50,
        num_images=None,
        num_worker_per_gpu=1,
    )
    base_options['train']['total_iter'] = 8
    return base_options


def test_both_halves_train_and_a_resume_gives_the_same(balanced, train, same, tmp_path):
    whole = train(balanced, tmp_path / 'whole')
    log = log_of(whole)
    assert 'BSPA round 1 after iteration 5' in log and 'balance_fallback' in log and 'nan' not in log
    cut = cut_copy(whole, tmp_path / 'cut', 6)
    resumed = train(balanced, tmp_path / 'cut', '--auto_resume')
    assert resumed == cut and 'Resuming training from epoch' in log_of(resumed)
    same(everything(whole, 8), everything(resumed, 8))


def test_each_uniform_batch_has_a_patch_of_each_interval(balanced, train, tmp_path, monkeypatch):
    from bsr_plugins.models.bspa_model import BSPAModel

    seen = []
    feed = BSPAModel.feed_data

    def feed_and_note(self, data, *args, **kwargs):
        seen.append(sorted(data['interval_index'].tolist()) if 'interval_index' in data else 'inverse')
        return feed(self, data, *args, **kwargs)

    monkeypatch.setattr(BSPAModel, 'feed_data', feed_and_note)
    train(balanced, tmp_path)
    uniform = [batch for batch in seen if batch != 'inverse']
    assert len(uniform) >= 6 and all(batch == [0, 1] for batch in uniform)
