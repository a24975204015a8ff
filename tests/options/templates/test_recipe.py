"""Names of the combinations, and the refusal of those that are not in the table."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.recipe import SHIPPED, Recipe
from cases import every


@pytest.mark.parametrize(
    'recipe, file_name',
    [
        (Recipe('RCAN', 'bspa', 4), 'train_RCAN_bspa_x4.yml'),
        (Recipe('FSRCNN', 'baseline', 3), 'train_FSRCNN_baseline_x3.yml'),
        (Recipe('MSRResNet', 'scorer', 4), 'train_MSRResNet_x4.yml'),
        (Recipe('SwinIR', None, 2), 'test_SwinIR_x2.yml'),
        (Recipe('EDSR_L', 'le_sigma', 2), 'train_EDSR_L_le_sigma_x2.yml'),
        (Recipe('FSRCNN', 'fpl', 4, test=True), 'test_FSRCNN_fpl_x4.yml'),
        (Recipe('EDSR', 'scorer', 4, test=True), 'test_EDSR_scorer_x4.yml'),
        (Recipe('MSRResNet', None, 4, test=True), 'test_MSRResNet_x4.yml'),
        (Recipe('MSRResNet', 'bspa', 4, test=True), 'test_MSRResNet_bspa_x4.yml'),
        (Recipe('BSR', 'bsr', 3), 'train_BSR_x3.yml'),
        (Recipe('BSR', None, 3), 'test_BSR_x3.yml'),
        (Recipe('BSR', 'l1_bsr', 3), 'train_BSR_l1_bsr_x3.yml'),
        (Recipe('BSR', 'baseline', 3, test=True), 'test_BSR_baseline_x3.yml'),
        (Recipe('EDSR', 'bsr', 3), 'train_EDSR_bsr_x3.yml'),
        (Recipe('EDSR', 'bsr', 3, test=True), 'test_EDSR_bsr_x3.yml'),
        (Recipe('EDSR', 'baseline', 1, test=True), 'test_EDSR_baseline_x1.yml'),
    ],
)
def test_file_names(recipe, file_name):
    assert recipe.file_name == file_name
    assert recipe.name == file_name[:-4]


def test_what_is_shipped():
    names = [recipe.file_name for recipe in SHIPPED]
    assert len(set(names)) == len(names)
    assert set(names) == {
        'train_MSRResNet_x4.yml',
        *(
            file_name
            for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR')
            for file_name in (f'train_{net}_bspa_x4.yml', f'train_{net}_baseline_x4.yml', f'test_{net}_x4.yml')
        ),
        *(
            file_name
            for net in ('FSRCNN', 'CARN', 'SwinIR')
            for file_name in (f'train_{net}_fpl_x4.yml', f'train_{net}_l1_bicubic_x4.yml', f'test_{net}_fpl_x4.yml')
        ),
        *(f'train_{net}_{method}_x2.yml' for net in ('EDSR', 'RCAN') for method in ('le_sigma', 'l1')),
        'test_EDSR_le_sigma_x2.yml',
        *('train_EDSR_le_sigma_x1.yml', 'train_EDSR_l1_x1.yml', 'test_EDSR_le_sigma_x1.yml'),
        'train_EDSR_hybrid_lp_x4.yml',
        'train_EDSR_l1_bsr_x4.yml',
        'train_EDSR_fpl_bspa_sigma_x4.yml',
        'test_EDSR_fpl_bspa_sigma_x4.yml',
        *(f'{name}_x{scale}.yml' for name in ('train_BSR', 'train_BSR_l1_bsr', 'test_BSR') for scale in (2, 4)),
        'train_EDSR_rfs_x4.yml',
        'train_EDSR_samplingaug_x4.yml',
        *(f'train_EDSR_{method}_x4.yml' for method in ('cutblur', 'moa', 'add', 'add_plus', 'add_cam')),
        *(f'train_EDSR_{method}_x1.yml' for method in ('cutblur', 'moa', 'baseline')),
        'train_EDSR_udn_x4.yml',
        'train_EDSR_udl_x4.yml',
    }


def test_the_twin_of_what_is_shipped_is_shipped():
    twins = {recipe.twin for recipe in SHIPPED if not recipe.is_test and recipe.twin}
    assert twins and twins <= {*SHIPPED}


@every('method', METHODS)
def test_twins_train_plainly_by_the_same_protocol(method):
    row = METHODS[method]
    if row.twin is None:
        assert row.loss == METHODS['baseline'].loss and not (row.dataset or row.train or row.sigma or row.model_type)
        assert row.as_published is None
        assert row.train_set == 'PairedImageDataset' and not row.train_set_options
    else:
        twin = METHODS[row.twin]
        assert twin.twin is None and twin.protocol is row.protocol
        # The residual is part of FPL's twin, so that what is compared is the weighting alone.
        assert twin.residual == row.residual or method in ('fpl_bspa', 'fpl_bspa_sigma')


@pytest.mark.parametrize(
    'net, method, test, model_type',
    [
        ('SwinIR', 'l1', False, 'SwinIRModel'),
        ('SwinIR', 'l1_bicubic', False, 'RebalancedSRModel'),
        ('FSRCNN', 'l1_bicubic', False, 'SRModel'),
        ('FSRCNN', 'fpl', False, 'RebalancedSRModel'),
        ('FSRCNN', 'fpl', True, 'SRModel'),
        ('SwinIR', 'fpl', True, 'RebalancedSRModel'),
        ('MSRResNet', 'l1_bicubic', False, 'SRModel'),
        ('EDSR', 'hybrid_lp', False, 'SRModel'),
        ('EDSR', 'le_sigma', True, 'RebalancedSRModel'),
        ('EDSR', 'fpl_bspa_sigma', False, 'BSPAModel'),
        ('EDSR', 'fpl_bspa_sigma', True, 'RebalancedSRModel'),
        ('SwinIR', None, True, 'SwinIRModel'),
    ],
)
def test_model_types(net, method, test, model_type):
    assert Recipe(net, method, 4, test).model_type == model_type


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('RCAN2', 'bspa', 4), "(?s)network 'RCAN2'.*did you mean 'RCAN'"),
        (('RCAN', 'bpsa', 4), "(?s)method 'bpsa'.*did you mean 'bspa'"),
        (('RCAN', 'bspa', 5), '(?s)no option file for this scale.*2, 3, 4.*5'),
        (('RCAN', 'baseline', 4, True), '(?s)bspa and baseline: one test file of RCAN for all.*leave --method out'),
        (('BSR', 'l1_bsr', 4, True), '(?s)bsr and l1_bsr: one test file of BSR for all.*leave --method out'),
        (('MSRResNet', 'scorer', 4, True), '(?s)scorer: one test file of MSRResNet for all.*leave --method out'),
    ],
)
def test_what_is_not_in_the_table(arguments, message):
    with pytest.raises(OptionError, match=message):
        Recipe(*arguments)
