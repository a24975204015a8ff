"""Arguments that take several values, given more than once."""

from __future__ import annotations

import argparse

import pytest

from bsr_plugins.cli.gathered_arguments import gather


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    gather(parser)
    group = parser.add_argument_group('more')
    group.add_argument('--hr', nargs='+')
    group.add_argument('--factors', nargs='+', type=float, default=[1.0])
    parser.add_argument('--window', nargs=3)
    parser.add_argument('--scale', type=int)
    parser.add_argument('--force_yml', nargs='+')
    parser.add_argument('names', nargs='*')
    return parser


def test_values_given_twice_add_up_and_replace_the_default(parser: argparse.ArgumentParser) -> None:
    args = parser.parse_args(
        [
            '--hr',
            'A',
            'B',
            '--hr',
            'C',
            '--factors',
            '.9',
            '--window',
            '1',
            '2',
            '3',
            '--window',
            '4',
            '5',
            '6',
            '--scale',
            '4',
            '--scale',
            '2',
        ]
    )
    assert (args.hr, args.factors, args.window, args.scale) == (['A', 'B', 'C'], [0.9], ['4', '5', '6'], 2)
    assert parser.parse_args([]).factors == [1.0]


def test_what_basicsr_reads_too_is_given_once(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(['--force_yml', 'a=1', '--force_yml', 'b=2'])
    assert 'expected once, found twice' in capsys.readouterr().err
