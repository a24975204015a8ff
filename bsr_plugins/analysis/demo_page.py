"""The report as one HTML file: figures inside it as data, no script, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import html
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from bsr_plugins.analysis.demo_words import verdict
from bsr_plugins.analysis.figure_style import COLOURS, LABELS
from bsr_plugins.common.shown import shown_lines

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 52rem; } img { max-width: 100%; height: auto; display: block; margin: .6rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; display: block;
  overflow-x: auto; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
pre { background: #f5f5f5; padding: .7rem 1rem; overflow-x: auto; font-size: .85rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
.figure { border-left: 6px solid; padding: .2rem 1rem; }
.figure b { font-size: 1.7rem; display: block; } .note { color: #555; }
"""

_SECTIONS: Tuple[Tuple[str, str, str], ...] = (
    (
        'long_tail',
        'The long tail',
        'Training images are cut into overlapping windows; each is scored by the error of bicubic upscaling. '
        'Ranked by it they fall into classes of shrinking size (Eq. 2 of the BSPA paper): many easy windows, few '
        'hard ones. '
        "Plain training draws windows as they come; BSPA's inverse stages draw each class with a probability that "
        'grows as the class shrinks (Eq. 4).',
    ),
    (
        'curves',
        'Training',
        'Both runs take the same number of gradient updates from the same seed. In the shaded stretches BSPA trains on '
        'inverse-sampled batches: they are harder, so its loss is higher there.',
    ),
    (
        'frozen',
        'What BSPA freezes',
        'After each inverse stage integrated gradients over the parameters (Eq. 9 and 10) tell which weights changed '
        'the loss most; the highest ranked share p (Eq. 11) is frozen during the uniform stage that follows.',
    ),
    (
        'classes',
        'PSNR by difficulty class',
        'Windows of the held-out images, classed by the thresholds of the training windows. The PSNR of a class '
        'is that of the mean squared error over its windows.',
    ),
    (
        'crops',
        'Where the two differ most',
        'The squares with the largest difference of squared error: the upper ones where BSPA is ahead, the lower ones '
        'where plain training is. The PSNR is that of the square; the better of the two is bold.',
    ),
)


def render_page(results: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """Return the page.

    Args:
        results: What ``report.json`` holds.
        figures: Section -> PNG; sections without a figure are left out.
    """
    title = f'BSPA and plain training, x{results["scale"]}'
    body = [
        f'<h1>{escape(title)}</h1>',
        _note(results),
        _headline(results),
        *(f'<p>{escape(sentence)}</p>' for sentence in verdict(results)),
    ]
    tables = {'classes': _class_table(results), 'frozen': _round_table(results)}
    for name, heading, text in _SECTIONS:
        if name in figures:
            body += [
                f'<h2>{escape(heading)}</h2>',
                f'<p>{escape(text)}</p>',
                _image(figures[name], heading),
                tables.get(name, ''),
            ]
    body += ['<h2>Each image</h2>', _image_table(results), '<h2>How it was made</h2>', _time_table(results)]
    if results['commands']:
        body.append(f'<pre>{escape(chr(10).join(results["commands"]))}</pre>')
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f'<style>{_STYLE}</style>\n</head>\n<body>\n' + '\n'.join(filter(None, body)) + '\n</body>\n</html>\n'
    )


def escape(text: str) -> str:
    """Return ``text`` for HTML; what is no character of a page (control characters, bytes of a name) stays escaped."""
    return html.escape(shown_lines(text))


def _note(results: Mapping[str, Any]) -> str:
    held_out = results['held_out_images']
    return (
        f'<p class="note">Trained on {len(results["training_images"])} images, tested on {len(held_out)} '
        f'others ({escape(", ".join(held_out))}). PSNR and SSIM on the Y channel, {results["border"]} pixels of '
        'border left out, mean over the images.</p>'
    )


def _headline(results: Mapping[str, Any]) -> str:
    cards = [
        f'<div class="figure" style="border-color: {COLOURS[method]}">{escape(label)}'
        f'<b>{results[f"psnr_{method}"]:.2f} dB</b>SSIM {results[f"ssim_{method}"]:.4f}</div>'
        for method, label in LABELS.items()
    ]
    return f'<div class="figures">{"".join(cards)}</div>'


def _image(png: bytes, alt: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def _class_table(results: Mapping[str, Any]) -> str:
    columns = [
        results['training_class_counts'],
        results['class_counts'],
        *(results['per_class'][method] for method in LABELS),
    ]
    rows = []
    for k, (training, held_out, *psnr) in enumerate(zip(*columns)):
        difference = '' if psnr[1] is None or psnr[2] is None else f'{psnr[2] - psnr[1]:+.3f}'
        rows.append([str(k), f'{training:,}', f'{held_out:,}', *(_decibel(value) for value in psnr), difference])
    return _table(['class', 'training windows', 'held-out windows', *LABELS.values(), 'BSPA less plain L1'], rows)


def _round_table(results: Mapping[str, Any]) -> str:
    rows = [
        [
            f'{each["number"]}',
            f'{each["iteration"]:,}',
            f'{each["p"]:.4f}',
            f'{each["frozen_share"]:.4f}',
            f'{each["completeness_gap"]:+.4f}',
            f'{each["loss_uniform"]:.5f}',
            f'{each["loss_inverse"]:.5f}',
        ]
        for each in results['rounds']
    ]
    return _table(
        [
            'round',
            'after update',
            'p',
            'frozen share',
            'completeness gap',
            'L1 before the inverse stage',
            'L1 after it',
        ],
        rows,
    )


def _image_table(results: Mapping[str, Any]) -> str:
    rows = [[name, *(_decibel(psnr[method]) for method in LABELS)] for name, psnr in results['per_image'].items()]
    return _table(['image', *(f'{label} (dB)' for label in LABELS.values())], rows)


def _time_table(results: Mapping[str, Any]) -> str:
    rows = [[name, f'{value:.1f}'] for name, value in results['seconds_by_step'].items()]
    return _table(['step', 'seconds'], [*rows, ['all', f'{results["seconds"]:.1f}']])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: List[str] = [''.join(f'<th>{escape(head)}</th>' for head in heads)]
    lines += [''.join(f'<td>{escape(cell)}</td>' for cell in row) for row in rows]
    return '<table>' + ''.join(f'<tr>{line}</tr>' for line in lines) + '</table>'


def _decibel(value: Optional[float]) -> str:
    return '-' if value is None else f'{value:.3f}'
