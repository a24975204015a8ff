"""The report on a comparison: its JSON by contract, its page without a network, its words, its images."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.image_scores import METRICS
from bsr_plugins.analysis.report import write_report
from bsr_plugins.analysis.report_figure import FigureTable, LinkedImage, ReportFigure

PNG = bytes(cv2.imencode('.png', np.zeros((4, 4, 3), np.uint8))[1])
FIGURE = ReportFigure(
    'extra', 'An <extra> figure', 'Text & more.', PNG, FigureTable(['a'], [['<1>']]), (), {'value': math.nan}
)


@pytest.fixture(scope='module')
def written(compared, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('out') / 'report'
    image = LinkedImage('a <link>', next((compared.runs[0].images['S<1>']).iterdir()), 'x?y')
    page = write_report(compared, out, [replace(FIGURE, images=(image, LinkedImage('made', None, 'x*y', PNG)))])
    assert page == out / 'report.html'
    return out


@pytest.fixture(scope='module')
def results(written) -> dict:
    def refuse(name):
        raise AssertionError(f'{name} is no JSON')

    return json.loads((written / 'report.json').read_text(encoding='utf-8'), parse_constant=refuse)


def test_scores_by_the_contract(results):
    assert results['seeds'] == [0, 1, 2]
    rows = results['methods']
    assert set(rows['twin']['sets']['S<1>']) == set(METRICS) == {'psnr_y', 'ssim_y', 'psnr_rgb', 'ssim_rgb'}
    score = rows['good<b>']['sets']['S<1>']['psnr_y']
    assert score['mean'] == pytest.approx(np.mean(score['per_seed']))
    assert score['std'] == pytest.approx(np.std(score['per_seed'], ddof=1))
    one = rows['same']['sets']['S<1>']['psnr_y']
    assert (one['std'], one['per_seed'][1:]) == (None, [None, None])
    assert one['mean'] == one['per_seed'][0] == rows['twin']['sets']['S<1>']['psnr_y']['per_seed'][0]
    assert set(results['bicubic']['sets']['S<1>']) == set(METRICS)
    assert results['bicubic']['sets']['S<1>']['psnr_y']['mean'] > 20


def test_gains_by_the_contract(results):
    gains = {(each['method'], each['metric']): each for each in results['gains']}
    assert len(gains) == len(results['gains']) == 8
    better = gains['good<b>', 'psnr_y']
    assert (better['twin'], better['set'], better['verdict']) == ('twin', 'S<1>', 'better')
    assert (better['over'], better['seeds'], better['images']) == ('images and seeds', [0, 1, 2], 5)
    assert 0 < better['low'] < better['mean'] < better['high']
    equal = gains['same', 'psnr_y']
    assert [equal[key] for key in ('mean', 'low', 'high', 'verdict')] == [0, 0, 0, 'not told apart']
    assert equal['over'] == 'images'


def test_as_published_stands_apart(results):
    (published,) = results['as_published'].values()
    assert (published['twin'], published['updates'], published['twin_updates']) == ('twin', 100, 90)
    # the log of the shorter run goes on to 90, beyond its 60: what is logged counts
    assert {each['metric'] for each in published['gains']} == set(METRICS)
    assert published['sets']['S<1>']['psnr_y']['mean'] < results['methods']['twin']['sets']['S<1>']['psnr_y']['mean']


def test_how_it_was_made(results):
    method = results['methods']['good<b>']
    assert method['differs'] == {'train:pixel_opt:loss_weight': {'value': 0.5, 'twin': 1.0}}
    assert (method['parameters'], method['updates'], method['seconds']) == (6867, 100, 90)
    assert method['network']['type'] == 'MSRResNet'
    pack = {'bsr_plugins': '9.9', 'bsr_plugins revision': '0123456789ab'}
    assert method['runs'][0]['versions'] == {**pack, 'basicsr': '1.4.2', 'torch': '2.0'}
    assert {'bsr_plugins', 'torch', 'basicsr', 'working tree revision', 'device', 'time'} <= set(results['environment'])
    assert results['data']['nowhere'] == 'not there any more'
    assert re.fullmatch('[0-9a-f]{8}', results['data']['hr'])
    assert results['failed'] == [{'method': 'same', 'seed': 1, 'reason': 'the disk is full\nat <line> 2'}]
    assert list(results['seconds_by_step']) == ['training', 'report']
    assert results['figures']['extra'] == {'value': None}


def test_every_image_of_every_run_is_in_the_csv(written, results):
    rows = list(csv.DictReader((written / 'per_image.csv').open(encoding='utf-8')))
    assert len(rows) == 5 * (1 + 7 + 1)
    assert list(rows[0]) == ['set', 'image', 'method', 'seed', 'budget', *METRICS]
    mine = [float(row['psnr_y']) for row in rows if (row['method'], row['seed']) == ('good<b>', '1')]
    assert np.mean(mine) == pytest.approx(results['methods']['good<b>']['sets']['S<1>']['psnr_y']['per_seed'][1])


class Page(HTMLParser):
    """Collects what a browser would fetch or link to, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.attributes, self.links, self.text = [], {}, [], ''

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value)
        if tag == 'a':
            self.links.append(dict(attrs)['href'])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope='module')
def page(written) -> Page:
    parsed = Page()
    parsed.feed((written / 'report.html').read_text(encoding='utf-8'))
    return parsed


def test_the_page_fetches_nothing_and_fits_a_phone(page, written):
    assert all(source.startswith('data:image/png;base64,') for source in page.attributes['src'])
    assert not {'script', 'link', 'iframe', 'object', 'embed', 'base'} & set(page.tags)
    html = (written / 'report.html').read_text(encoding='utf-8')
    outside = re.sub(r'base64,[A-Za-z0-9+/=]+', '', html)
    assert not re.search(r'https?:|//|@import|url\(', outside)
    assert 'width=device-width' in html
    assert html.count('<table>') == html.count('<div class="wide"><table>') > 5


def test_names_are_escaped(page, written):
    html = (written / 'report.html').read_text(encoding='utf-8')
    for raw in ('<b>', '<1>', '<y&', '<line>', '<x>', '<link>', '<extra>'):
        assert raw not in html
    for name in ('good<b>', 'x<y&z', 'S<1>', 'basicsr train -opt <x>.yml', 'at <line> 2', 'An <extra> figure'):
        assert name in page.text


def test_links_lead_to_images_beside_the_page(page, written):
    assert len(page.links) == 2 * 5 * (2 + 3) + 2
    for link in page.links:
        assert cv2.imread(str(written / unquote(link))) is not None
    # the file that the figure links to is one of the images, and stands there once
    assert len(set(page.links)) == 5 * (2 + 3) + 1


def test_the_words(page):
    assert 'good<b> is better than twin' in page.text
    assert 'same and twin are not told apart' in page.text
    assert 'As published (100 updates beside 90 updates of twin): S<1>: good<b> is better than twin' in page.text
    assert 'one seed says nothing of other seeds' in page.text
    assert '1 run did not end' in page.text


def test_markdown_has_whole_tables(written):
    text = (written / 'report.md').read_text(encoding='utf-8')
    assert '| a\\|b |' in text or '[a\\|b]' in text
    for block in text.split('\n\n'):
        rows = [re.sub(r'\\\|', '', line).count('|') for line in block.splitlines() if line.startswith('|')]
        assert len(set(rows)) <= 1
    assert '![An \\<extra\\> figure](figures/extra.png)' in text
    assert (written / 'figures/extra.png').read_bytes() == PNG


def test_nothing_half_written_is_left(written):
    names = sorted(path.name for path in written.iterdir())
    assert names == ['figures', 'images', 'per_image.csv', 'report.html', 'report.json', 'report.md', 'report.png']
    assert not list(written.rglob('*.partial*'))
