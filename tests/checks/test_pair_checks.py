"""Image pairs that are no pairs, reported at the key that names their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks.pair_listing import SAMPLED
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.host.source_names import basicsr_folder
from option_files import TRAIN, changed, write_png

Check = Callable[..., List[Finding]]
HR, LR = Path('data/HR'), Path('data/LR')
# The validation set of TRAIN has the same folders.
OF_TRAINING = 'datasets.train'


def found(check: Check, text: str = TRAIN, **options: bool) -> List[Finding]:
    return [
        finding
        for finding in check(text, **options)
        if f': {OF_TRAINING}' in finding.where and 'batch_size' not in finding.where
    ]


def test_lone_images(check: Check) -> None:
    write_png(HR / 'extra.png', 400, 400)
    (LR / '0003.png').unlink()
    findings = found(check)
    assert [(finding.severity, finding.problem, finding.where, finding.found) for finding in findings] == [
        (ERROR, '2 HR images have no LR image', 'x.yml:9: datasets.train.dataroot_gt', '0003.png, extra.png')
    ]
    (LR / 'other.png').write_bytes((LR / '0001.png').read_bytes())
    assert [finding.problem for finding in found(check)] == [
        '2 HR images have no LR image',
        '1 LR image has no HR image',
    ]


def test_a_forgotten_template(check: Check) -> None:
    for path in LR.iterdir():
        path.rename(LR / f'{path.stem}x4.png')
    findings = found(check)
    assert [finding.problem for finding in findings] == ['16 HR images have no LR image']
    assert findings[0].remedy == "filename_tmpl: '{}x4'"
    assert found(check, changed(TRAIN, '    gt_size', "    filename_tmpl: '{}x4'\n    gt_size")) == []


def test_another_scale(check: Check) -> None:
    write_png(LR / '0005.png', 200, 100)
    findings = found(check)
    assert [(finding.severity, finding.where) for finding in findings] == [
        (ERROR, 'x.yml:10: datasets.train.dataroot_lq')
    ]
    assert findings[0].problem == 'Image pairs do not fit scale 4'
    assert findings[0].found == 'one: data/HR/0005.png 400 x 400, LR 200 x 100'


def test_validation_cuts_hr_images_to_fit(check: Check) -> None:
    write_png(HR / '0000.png', 403, 401)
    findings = check(TRAIN)
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in findings if 'fit' in finding.problem] == [
        (ERROR, 'datasets.train.dataroot_lq')
    ]
    write_png(HR / '0000.png', 399, 400)
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in check(TRAIN)] == [
        (ERROR, 'datasets.train.dataroot_lq'),
        (ERROR, 'datasets.val.dataroot_lq'),
    ]


def test_a_validation_that_ends_in_the_metrics_is_an_error(check: Check) -> None:
    def severities(text: str) -> List[str]:
        return [finding.severity for finding in check(text) if 'datasets.val.' in finding.where]

    write_png(HR / '0000.png', 300, 300)
    assert severities(TRAIN) == [ERROR]
    without = TRAIN[: TRAIN.index('  metrics:')] + TRAIN[TRAIN.index('logger:') :]
    assert severities(without) == [WARNING]
    write_png(HR / '0000.png', 500, 500)
    assert severities(TRAIN) == [WARNING]


def test_images_smaller_than_the_crop(check: Check) -> None:
    findings = found(check, TRAIN.replace('gt_size: 192', 'gt_size: 404'))
    assert [(finding.where, finding.expected) for finding in findings] == [
        ('x.yml:12: datasets.train.gt_size', 'at least 404 x 404')
    ]
    assert findings[0].found.startswith('16 of those looked at: data/HR/0000.png 400 x 400; ')


def test_what_is_no_image(check: Check) -> None:
    (HR / '0004.png').write_bytes(b'')
    (LR / '0005.png').write_bytes(b'no image')
    findings = found(check)
    assert [(finding.severity, finding.where.split(': ')[1], finding.found) for finding in findings] == [
        (ERROR, 'datasets.train.dataroot_gt', 'one: data/HR/0004.png'),
        (ERROR, 'datasets.train.dataroot_lq', 'one: data/LR/0005.png'),
    ]


@pytest.mark.parametrize(
    ('template', 'remedy'), [('x4', "filename_tmpl: '{}x4'"), ('{}_{}', None), ('{name}', None), ('{', None)]
)
def test_a_template_without_a_place_for_the_name(check: Check, template: str, remedy: str) -> None:
    findings = found(check, changed(TRAIN, '    gt_size', f"    filename_tmpl: '{template}'\n    gt_size"))
    assert [(finding.severity, finding.found, finding.remedy) for finding in findings] == [
        (ERROR, repr(template), remedy)
    ]
    assert 'x.yml:12: datasets.train.filename_tmpl' in findings[0].where


def test_a_sample_is_looked_at_or_all(check: Check) -> None:
    for number in range(16, SAMPLED + 20):
        for folder in (HR, LR):
            (folder / f'{number:04}.png').write_bytes((folder / '0000.png').read_bytes())
    write_png(LR / '0004.png', 50, 50)  # not in the sample
    assert not any('fit scale' in finding.problem for finding in found(check))
    assert any('fit scale' in finding.problem for finding in found(check, deep=True))


@pytest.mark.parametrize(
    ('source', 'severity'),
    [
        ('    self.paths = paired_paths_from_folder(x)\n    paired_random_crop(y)\n', ERROR),
        ('    self.paths = own_way_of_pairing(x)\n', WARNING),
    ],
)
def test_a_forks_own_way_of_pairing(check: Check, tmp_path: Path, source: str, severity: str) -> None:
    stock, package = basicsr_folder(tmp_path), tmp_path / 'basicsr'
    assert stock is not None
    (package / 'utils').mkdir(parents=True)
    for name in ('data_util.py', 'transforms.py'):
        (package / name).write_text((stock / 'data' / name).read_text())
    (package / 'train.py').write_text('')
    (package / 'utils' / 'registry.py').write_text('')
    (package / 'pairs.py').write_text(
        f'@DATASET_REGISTRY.register()\nclass PairedImageDataset(Dataset):\n  def __init__(self, opt):\n{source}'
    )
    (LR / '0003.png').unlink()
    findings = [finding for finding in found(check) if 'no LR image' in finding.problem]
    assert [finding.severity for finding in findings] == [severity]


def test_images_that_may_not_be_read(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything; what cannot be opened has no header.
    path = sorted(Path('data/LR').iterdir())[0]
    path.write_bytes(b'')
    monkeypatch.setattr('os.access', lambda name, mode: Path(name).name != path.name)
    found = [each for each in check(TRAIN) if 'dataroot_lq' in each.where and 'train' in each.where]
    assert [each.problem for each in found] == ['Images cannot be read: permission denied']
    assert path.name in str(found[0].found)
