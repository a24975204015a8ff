"""Names of the combinations, and the refusal of those that are not in the table."""
from __future__ import annotations

import pytest

from bsr_plugins.errors import OptionError
from bsr_plugins.option_templates.recipe import SHIPPED, Recipe


@pytest.mark.parametrize('recipe, file_name', [
    (Recipe('RCAN', 'bspa', 4), 'train_RCAN_bspa_x4.yml'),
    (Recipe('FSRCNN', 'baseline', 3), 'train_FSRCNN_baseline_x3.yml'),
    (Recipe('MSRResNet', 'scorer', 4), 'train_MSRResNet_x4.yml'),
    (Recipe('SwinIR', None, 2), 'test_SwinIR_x2.yml'),
])
def test_file_names(recipe, file_name):
    assert recipe.file_name == file_name
    assert recipe.name == file_name[:-4]


def test_what_is_shipped():
    names = {recipe.file_name for recipe in SHIPPED}
    assert names == {'train_MSRResNet_x4.yml'} | {
        file_name for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR')
        for file_name in (f'train_{net}_bspa_x4.yml', f'train_{net}_baseline_x4.yml', f'test_{net}_x4.yml')}


@pytest.mark.parametrize('arguments, message', [
    (('RCAN2', 'bspa', 4), "(?s)network 'RCAN2'.*did you mean 'RCAN'"),
    (('RCAN', 'bpsa', 4), "(?s)method 'bpsa'.*did you mean 'bspa'"),
    (('RCAN', 'bspa', 5), '(?s)no option file for this scale.*2, 3, 4.*5'),
])
def test_what_is_not_in_the_table(arguments, message):
    with pytest.raises(OptionError, match=message):
        Recipe(*arguments)
