"""Every tool's --help ends with examples, which are command lines that the tool takes."""

import shlex
from importlib import import_module
from pathlib import Path

import pytest

from heracles_mm.cli import doctor
from heracles_mm.cli.arguments import OneLineParser
from heracles_mm.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(
    path.stem for path in ROOT.glob('tools/*.py') if path.stem not in ('setup_env', '_checkout')
)
"""All but the set-up, and what they share."""


def module_of(tool):
    return import_module(f'heracles_mm.cli.{tool}')


def parser(tool):
    return doctor._parser() if tool == 'doctor' else module_of(tool).main.parser()


def examples(tool) -> list[str]:
    _, _, block = parser(tool).format_help().partition('\nexamples:\n')
    return [line.strip() for line in block.splitlines()]


@pytest.mark.parametrize('tool', TOOLS)
def test_help_prints_examples(tool, capsys):
    with pytest.raises(SystemExit) as end:
        module_of(tool).main(['--help'])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert examples(tool)
    for line in examples(tool):
        assert f'\n  {line}\n' in printed  # on one line, as it is copied
        assert len(line) <= 120  # shown whole by a terminal of that width


@pytest.mark.parametrize('tool', TOOLS)
def test_every_example_parses_and_names_files_that_exist(tool, monkeypatch):
    monkeypatch.delenv('LOCAL_RANK', raising=False)  # which parse sets
    for line in examples(tool):
        python, script, *words = shlex.split(line)
        assert (python, script) == ('python', f'tools/{tool}.py')
        parser(tool).parse_args(words)
        for word in words:
            assert '.py' not in word or (ROOT / word).is_file(), line


def test_an_example_that_the_tool_does_not_take_would_be_noticed():
    """parse_args raises for an unknown flag, a missing argument and a wrong choice alike."""
    own = OneLineParser(prog='x', examples=('a --flag',))
    own.add_argument('a', choices=['b'])
    assert own.format_help().endswith('examples:\n  python tools/x.py a --flag\n')
    for words in (['b', '--flag'], [], ['a']):
        with pytest.raises(UserError):
            own.parse_args(words)


def test_the_model_of_mmpretrain_in_an_example_is_listed():
    mmpretrain = pytest.importorskip('mmpretrain')
    (line,) = [line for line in examples('make_token_labels') if 'configs/' not in line]
    assert shlex.split(line)[2] in mmpretrain.list_models()


def test_the_candidates_and_sizes_of_the_benchmarks_examples_are_known():
    pytest.importorskip('timm')
    from heracles_mm.benchmark.suites import BACKBONES, OPERATORS
    from heracles_mm.cli.benchmark import _plan

    for line in examples('benchmark'):
        args = parser('benchmark').parse_args(shlex.split(line)[2:])
        kind = OPERATORS if args.operators else BACKBONES
        assert _plan(args, kind).candidates
        assert [kind.read_size(size) for size in args.sizes or kind.sizes]
