"""What a report shows, in its order: the answer, the scores, the gains, the figures, each image, how it was made."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence, Tuple

from bsr_plugins.analysis.image_scores import METRICS
from bsr_plugins.analysis.report_blocks import Block, Cell, Code, Heading, Link, Links, Picture, Table, Text
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.report_words import LABELS, budgets, by_key, interval_text, summary, value_text
from bsr_plugins.common.shown import counted

#: (test set, image, method or `original`) -> file, from the page.
ImageFiles = Mapping[Tuple[str, str, str], str]


def content(
    results: Mapping[str, Any],
    figures: Sequence[ReportFigure],
    pictures: Mapping[str, str],
    links: Mapping[str, Sequence[Link]],
    files: ImageFiles,
) -> List[Block]:
    """Return the blocks of the page.

    Args:
        results: Of :func:`bsr_plugins.analysis.report_results.results_of`.
        figures: What was drawn.
        pictures: Figure -> its file, from the page.
        links: Figure -> links to its images.
        files: Full-size images beside the page.
    """
    blocks: List[Block] = [Heading(f'{results["name"]}, x{results["scale"]}', 1), Text(_what(results))]
    blocks += [Text(sentence) for sentence in summary(results)]
    blocks += _failed(results)
    blocks.append(Heading('Scores'))
    blocks.append(
        Text(
            'Mean over the images of a set, then mean ± standard deviation over seeds. The gain is over the twin at '
            'equal updates, in PSNR Y, with its 95 % interval; what the papers compare at unequal ones stands in the '
            'last columns, where there is such a comparison.'
        )
    )
    blocks += [_scores(results, name) for name in results['test_sets']]
    blocks += [Heading('Gains'), Table(*_gains(results))]
    for figure in figures:
        blocks += _figure(figure, pictures, links)
    blocks.append(Heading('Each image'))
    blocks.append(Text('PSNR (dB) / SSIM, mean over seeds. Links lead to the images in full size, of the first seed.'))
    for name in results['test_sets']:
        blocks += [_images(results, name, channels, files) for channels in ('y', 'rgb')]
    return [*blocks, *_how(results)]


def _what(results: Mapping[str, Any]) -> str:
    sets = ', '.join(
        f'{name} ({counted(each["images"], "image", "images")})' for name, each in results['test_sets'].items()
    )
    seeds = ', '.join(_seed(seed) for seed in results['seeds']) or 'none'
    return (
        f'{counted(len(results["methods"]), "method", "methods")}, seeds {seeds}, tested on {sets}. PSNR and SSIM by '
        f"BasicSR's own metrics, {counted(results['border'], 'pixel', 'pixels')} of border left out."
    )


def _failed(results: Mapping[str, Any]) -> List[Block]:
    if not results['failed']:
        return []
    rows = [[each['method'], _seed(each['seed']), ' '.join(each['reason'].split())] for each in results['failed']]
    return [Heading('Runs that did not end'), Table(['method', 'seed', 'reason'], rows)]


def _scores(results: Mapping[str, Any], test_set: str) -> Table:
    gains, published = by_key(results['gains']), results['as_published']
    heads = ['method', 'runs', *LABELS.values(), 'gain over its twin', 'verdict']
    heads += ['as published', 'verdict', 'budgets'] if published else []
    rows = [['bicubic', '', *_means(results['bicubic']['sets'][test_set]), *[''] * (len(heads) - 6)]]
    for method, values in results['methods'].items():
        gain = gains.get((method, test_set, 'psnr_y'))
        row = [method, str(len(values['runs'])), *_means(values['sets'][test_set])]
        row += [f'{interval_text(gain)} over {gain["twin"]}', gain['verdict']] if gain else ['', '']
        if published:
            row += _published(published.get(method), test_set)
        rows.append(row)
    return Table(heads, rows, test_set)


def _published(published: Any, test_set: str) -> List[str]:
    gain = by_key(published['gains']).get((_method_of(published), test_set, 'psnr_y')) if published else None
    return [interval_text(gain), gain['verdict'], budgets(published)] if gain else ['', '', '']


def _method_of(published: Mapping[str, Any]) -> Any:
    return published['gains'][0]['method'] if published['gains'] else None


def _means(sets: Mapping[str, Mapping[str, Any]]) -> List[str]:
    return [
        value_text(each['mean'], metric) + ('' if each['std'] is None else f' ± {each["std"]:.{METRICS[metric] + 1}f}')
        for metric, each in ((metric, sets[metric]) for metric in METRICS)
    ]


def _gains(results: Mapping[str, Any]) -> Tuple[List[str], List[List[Cell]]]:
    heads = ['method', 'twin', 'set', 'metric', 'gain and 95 % interval', 'verdict', 'interval over', 'budgets']
    every = [('equal updates', gain) for gain in results['gains']]
    every += [(budgets(each), gain) for each in results['as_published'].values() for gain in each['gains']]
    return heads, [
        [
            gain['method'],
            gain['twin'],
            gain['set'],
            LABELS[gain['metric']],
            interval_text(gain),
            gain['verdict'],
            f'{gain["over"]} ({gain["images"]} x {len(gain["seeds"])})',
            budget,
        ]
        for budget, gain in every
    ]


def _figure(figure: ReportFigure, pictures: Mapping[str, str], links: Mapping[str, Sequence[Link]]) -> List[Block]:
    blocks: List[Block] = [Heading(figure.title), Text(figure.text)]
    if figure.png is not None:
        blocks.append(Picture(figure.png, figure.title, pictures[figure.name]))
    if figure.table is not None:
        blocks.append(Table(figure.table.heads, figure.table.rows))
    if links.get(figure.name):
        blocks.append(Links(links[figure.name]))
    return blocks


def _images(results: Mapping[str, Any], test_set: str, channels: str, files: ImageFiles) -> Table:
    methods = ['bicubic', *results['methods']]
    rows: List[List[Cell]] = []
    for name, scores in results['per_image'][test_set].items():
        row = [_linked(name, files.get((test_set, name, 'original')))]
        for method in methods:
            values = scores.get(method, {})
            text = ' / '.join(
                value_text(values.get(metric), metric) for metric in (f'psnr_{channels}', f'ssim_{channels}')
            )
            row.append(_linked(text, files.get((test_set, name, method))))
        rows.append(row)
    return Table(['image', *methods], rows, f'{test_set}, {channels.upper()}', folded=True)


def _linked(text: str, target: Any) -> Cell:
    return Link(text, target) if target else text


def _how(results: Mapping[str, Any]) -> List[Block]:
    blocks: List[Block] = [Heading('How it was made')]
    methods, differing, runs = [], [], []
    for method, values in results['methods'].items():
        methods.append(
            [
                method,
                values['twin'] or '',
                values['model'] or '',
                _network(values['network']),
                _count(values['parameters']),
                _count(values['updates']),
                _minutes(values['seconds']),
            ]
        )
        differing += [
            [method, key, _plain(each['value']), _plain(each['twin'])] for key, each in values['differs'].items()
        ]
        for run in values['runs']:
            versions = ', '.join(f'{name} {version}' for name, version in run['versions'].items())
            device = {None: '', 0: 'CPU', 'auto': 'all GPUs, or the CPU'}.get(run['num_gpu'], f'{run["num_gpu"]} GPU')
            row = [method, _seed(run['seed']), _count(run['updates']), _minutes(run['seconds']), device]
            runs.append([*row, versions, run['weights']])
    blocks.append(
        Table(
            ['method', 'twin', 'model', 'network', 'parameters', 'updates', 'training time, mean'], methods, 'Methods'
        )
    )
    if differing:
        blocks.append(
            Table(['method', 'option', 'its value', "its twin's"], differing, "Options that differ from the twin's")
        )
    blocks.append(
        Table(['method', 'seed', 'updates', 'time', 'device', 'versions', 'weights'], runs, 'Runs', folded=True)
    )
    blocks.append(Table(['what', 'value'], list(results['environment'].items()), 'This report was made on'))
    blocks.append(Table(['data', 'checksum'], list(results['data'].items()), 'Data', folded=True))
    if results['seconds_by_step']:
        steps = [[name, f'{seconds:.1f}'] for name, seconds in results['seconds_by_step'].items()]
        blocks.append(Table(['step', 'seconds'], [*steps, ['all', f'{results["seconds"]:.1f}']], 'Time', folded=True))
    if results['commands']:
        blocks.append(Code('\n'.join(results['commands'])))
    return blocks


def _network(options: Any) -> str:
    """Return a network as ``FSRCNN (d 56, s 12)``, one around another as ``BicubicResidual (upscale 4, base ...)``."""
    if not isinstance(options, Mapping):
        return _plain(options) if options is not None else ''
    rest = ', '.join(
        f'{key} {_network(value) if isinstance(value, Mapping) else _plain(value)}'
        for key, value in options.items()
        if key != 'type'
    )
    return str(options.get('type', '')) + (f' ({rest})' if rest else '')


def _plain(value: Any) -> str:
    return 'not set' if value is None else str(value)


def _seed(seed: Any) -> str:
    return 'not set' if seed is None else str(seed)


def _count(value: Any) -> str:
    return '' if value is None else f'{value:,}'


def _minutes(seconds: Any) -> str:
    return '' if seconds is None else f'{seconds / 60:.1f} min'
