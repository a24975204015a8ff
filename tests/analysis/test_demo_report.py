"""The report on two synthetic runs: its numbers, its page without a network, its words."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.attribution_rounds import read_rounds
from bsr_plugins.analysis.comparison import METHODS, Run, Sources, compare
from bsr_plugins.analysis.demo_report import write_report
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader, difficulty_path, write_difficulty

KEYS = {
    'psnr_bicubic',
    'psnr_baseline',
    'psnr_bspa',
    'ssim_bicubic',
    'ssim_baseline',
    'ssim_bspa',
    'per_class',
    'class_counts',
    'training_class_counts',
    'class_thresholds',
    'per_image',
    'frozen_share',
    'completeness_gap',
    'completeness_gap_by_round',
    'rounds',
    'updates',
    'seconds',
    'seconds_by_step',
    'scale',
    'border',
    'training_images',
    'held_out_images',
    'commands',
}
NAMES = ('plain', 'x<y&z')


def make_image(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.uniform(60, 200, (6, 9, 3)), (180, 144), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 1, (144, 180, 3)) * np.linspace(0, 40, 180)[None, :, None]
    return (smooth + noise).clip(0, 255).astype(np.uint8)


def log_text(inverse: bool) -> str:
    stage = '' if not inverse else 'inverse_stage: {:.4e} '
    lines = [
        f'2026 INFO: [demo_..][epoch:  0, iter:{k:8,d}, lr:(1.000e-03,)] [eta: 0:00:01, time (data): 0.1 (0.0)] '
        f'l_pix: {1 / k:.4e} ' + stage.format(k == 20)
        for k in (10, 20, 30)
    ]
    lines.insert(2, '2026 INFO: Validation demo_test\n\t # psnr: 25.0000\tBest: 25.0000 @ 20 iter\n')
    return '\n'.join(lines)


@pytest.fixture(scope='module')
def sources(tmp_path_factory) -> Sources:
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.images.image_resizing import shrink
    from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    root = tmp_path_factory.mktemp('report')
    for folder in ('train', 'hr', 'lr', 'baseline', 'bspa', 'runs/bspa/bspa_rounds', 'runs/baseline'):
        (root / folder).mkdir(parents=True)
    for seed in range(3):
        cv2.imwrite(str(root / 'train' / f't{seed}.png'), make_image(seed))
    for seed, name in enumerate(NAMES):
        original = make_image(10 + seed)
        cv2.imwrite(str(root / 'hr' / f'{name}.png'), original)
        cv2.imwrite(str(root / 'lr' / f'{name}.png'), shrink(original, 1 / 4))
        # BSPA restores the second image exactly, plain training the first to one grey level.
        cv2.imwrite(str(root / 'baseline' / f'{name}_a.png'), (original + 2) // 2 * 2)
        cv2.imwrite(str(root / 'bspa' / f'{name}_b.png'), original if seed else (original + 8) // 16 * 16)
    lmdbs = create_subimage_lmdbs(root / 'train', root / 'lmdb', 4, grid=WindowGrid(32, 16, 12), progress=False)
    assert score_difficulty(lmdbs.hr, lmdbs.lr, 4, bicubic_scorer(4)).header.manifest_sha256 == manifest_sha256(
        lmdbs.hr
    )
    for run in ('baseline', 'bspa'):
        (root / 'runs' / run / 'train_x_1.log').write_text(log_text(run == 'bspa'))
    for number in (1, 2):
        (root / 'runs/bspa/bspa_rounds' / f'round_{number:03d}.json').write_text(
            json.dumps(
                {
                    'number': number,
                    'iteration': 10 * number,
                    'p': 0.1 * number,
                    'frozen_share': 0.1 * number,
                    'completeness_gap': 0.5 - number,
                    'loss_uniform': 0.02,
                    'loss_inverse': 0.01,
                    'layers': {'base.a.weight': 0.2 * number, 'base.b.weight': 0.0},
                }
            )
        )
    return Sources(
        lmdbs.hr,
        root / 'hr',
        root / 'lr',
        Run(root / 'runs/baseline', root / 'baseline', '_a'),
        Run(root / 'runs/bspa', root / 'bspa', '_b'),
        scale=4,
        num_classes=4,
        imbalance_factor=4,
    )


@pytest.fixture(scope='module')
def written(sources, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('out') / 'demo'
    page = write_report(sources, out, {'training': 2.25, 'test': 1.0}, ['basicsr train -opt <x>.yml'])
    assert page == out / 'report.html'
    return out


@pytest.fixture(scope='module')
def results(written) -> dict:
    return json.loads((written / 'report.json').read_text(encoding='utf-8'))


def test_keys_of_the_json(results):
    assert set(results) == KEYS
    assert set(results['per_class']) == set(METHODS) == {'bicubic', 'baseline', 'bspa'}
    assert all(len(results['per_class'][method]) == 4 for method in METHODS)
    assert len(results['class_counts']) == len(results['training_class_counts']) == 4


def test_psnr_is_basicsrs_mean_over_the_images(results, sources):
    from basicsr.metrics import calculate_psnr

    for method, run in (('baseline', sources.baseline), ('bspa', sources.bspa)):
        values = [
            calculate_psnr(
                cv2.imread(str(run.images / f'{name}{run.suffix}.png')),
                cv2.imread(str(sources.test_hr / f'{name}.png')),
                4,
                test_y_channel=True,
            )
            for name in NAMES
        ]
        if method == 'baseline':
            assert results['psnr_baseline'] == pytest.approx(np.mean(values), abs=1e-9)
        else:
            # the second image is exact: infinity, which JSON does not know
            assert values[1] == np.inf
            assert results['psnr_bspa'] is None
            assert results['per_image'][NAMES[0]]['bspa'] == pytest.approx(values[0], abs=1e-9)
    assert 15 < results['psnr_bicubic'] < 40


def test_classes(results, sources):
    comparison = compare(sources)
    assert sum(results['training_class_counts']) == len(comparison.training_mse)
    assert results['training_class_counts'] == np.bincount(comparison.training_class).tolist()
    assert results['class_thresholds'] == sorted(results['class_thresholds'])
    assert max(comparison.training_mse) == results['class_thresholds'][-1]
    # 144 x 180, windows of 32 every 16: 8 x 10, and a tail of 4 pixels that is below 12
    assert sum(results['class_counts']) == 2 * 8 * 10
    bicubic = [value for value in results['per_class']['bicubic'] if value is not None]
    assert bicubic == sorted(bicubic, reverse=True)


def test_rounds_and_seconds(results):
    assert results['frozen_share'] == 0.2
    assert results['completeness_gap'] == -1.5
    assert results['completeness_gap_by_round'] == [-0.5, -1.5]
    assert [each['iteration'] for each in results['rounds']] == [10, 20]
    steps = results['seconds_by_step']
    assert list(steps) == ['training', 'test', 'report']
    assert results['seconds'] == pytest.approx(3.25 + steps['report'], abs=0.2)
    assert results['updates'] == {'baseline': 30, 'bspa': 30}


class Page(HTMLParser):
    """Collects what a browser would fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.sources, self.alts, self.text = [], [], [], ''

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attributes = dict(attrs)
        self.sources += [attributes[name] for name in ('src', 'href', 'srcset', 'data', 'action') if name in attributes]
        if tag == 'img':
            self.alts.append(attributes.get('alt'))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope='module')
def page(written) -> Page:
    parsed = Page()
    parsed.feed((written / 'report.html').read_text(encoding='utf-8'))
    return parsed


def test_the_page_fetches_nothing(page, written):
    assert page.sources
    assert all(source.startswith('data:image/png;base64,') for source in page.sources)
    assert not {'script', 'link', 'iframe', 'object', 'embed', 'base'} & set(page.tags)
    html = (written / 'report.html').read_text(encoding='utf-8')
    outside = re.sub(r'base64,[A-Za-z0-9+/=]+', '', html)
    assert not re.search(r'https?:|//|@import|url\(', outside)


def test_the_page_shows_every_figure_and_names_it(page):
    import base64

    assert len(page.sources) == 5
    assert all(page.alts)
    for source in page.sources:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(source.split(',')[1]), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[0] > 100
        assert image.shape[1] > 900
        assert image.std() > 5


def test_the_page_escapes_names_and_commands(page, written):
    assert 'x<y&z' in page.text
    assert 'basicsr train -opt <x>.yml' in page.text
    assert '<x>' not in (written / 'report.html').read_text(encoding='utf-8')


def test_the_overview_is_a_figure(written):
    image = cv2.imread(str(written / 'report.png'))
    assert image.shape[0] > 900
    assert image.shape[1] > 1200


def test_the_same_input_gives_the_same_page(sources, written, tmp_path):
    write_report(sources, tmp_path, {'training': 2.25, 'test': 1.0}, ['basicsr train -opt <x>.yml'])
    first, second = (list(_parsed(folder).sources) for folder in (written, tmp_path))
    assert first == second


def _parsed(folder: Path) -> Page:
    parsed = Page()
    parsed.feed((folder / 'report.html').read_text(encoding='utf-8'))
    return parsed


def test_without_a_round_the_report_says_so(sources, tmp_path):
    plain = sources._replace(bspa=sources.bspa._replace(experiment=sources.baseline.experiment))
    write_report(plain, tmp_path, {})
    results = json.loads((tmp_path / 'report.json').read_text(encoding='utf-8'))
    assert (results['rounds'], results['frozen_share'], results['completeness_gap']) == ([], 0.0, None)
    assert len(_parsed(tmp_path).sources) == 4


def test_a_damaged_round(tmp_path):
    (tmp_path / 'bspa_rounds').mkdir()
    (tmp_path / 'bspa_rounds' / 'round_001.json').write_text('{"number": 1}')
    with pytest.raises(DataError, match='attribution round is damaged') as error:
        read_rounds(tmp_path)
    assert 'round_001.json' in str(error.value)
    assert read_rounds(tmp_path / 'absent') == []


def test_another_scorer_is_refused(sources, tmp_path, monkeypatch):
    path = tmp_path / difficulty_path(sources.hr_lmdb, 4).name
    write_difficulty(path, {'a': 0.1}, DifficultyHeader('MSRResNet-1f2e', 4, 'y', 4, 1, '0' * 64))
    monkeypatch.setattr('bsr_plugins.analysis.comparison.difficulty_path', lambda lmdb, scale: path)
    with pytest.raises(DataError, match='scored by bicubic') as error:
        compare(sources)
    assert 'MSRResNet-1f2e' in str(error.value)


def test_images_of_the_test_are_missing(sources):
    with pytest.raises(DataError, match=re.escape('plain_wrong.png')):
        compare(sources._replace(bspa=sources.bspa._replace(suffix='_wrong')))


def test_no_partial_file_is_left(written):
    assert sorted(path.name for path in written.iterdir()) == ['report.html', 'report.json', 'report.png']


def test_figures_need_no_screen(written):
    from bsr_plugins.analysis.figure_style import new_figure, png_bytes

    figure = new_figure(2, 1)
    figure.subplots().plot([0, 1])
    assert cv2.imdecode(np.frombuffer(io.BytesIO(png_bytes(figure)).read(), np.uint8), 1).shape == (110, 220, 3)
