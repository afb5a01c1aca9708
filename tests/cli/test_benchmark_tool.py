"""The benchmark measures what it was asked for, says so, and stops at mistakes beforehand."""

import csv
import functools
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from heracles_mm import optimize_for_inference
from heracles_mm.cli import benchmark
from heracles_mm.cli.benchmark import main

ROOT = Path(__file__).resolve().parents[2]
# Of one stage each: small and quick.
MODELS = (
    'heracles_nano:out_indices=(0,)',
    'hamsa_nano:kernel=real,out_indices=(0,)',
    'heracles_nano:out_indices=(0,),with_cp=True',
)
SIZES = ('1x32', '2x32', '1x48x64')
FAST = ('--rounds', '3', '--seconds', '0')


@pytest.fixture
def measure(tmp_path, capsys):
    """Run the tool; returns the lines of its CSV, its JSON and what it printed."""

    def run(*argv):
        files = {name: tmp_path / f'out.{name}' for name in ('csv', 'json')}
        flags = [str(word) for name, path in files.items() for word in (f'--{name}', path)]
        assert main([*argv, *FAST, *flags]) == 0
        with files['csv'].open() as file:
            lines = list(csv.DictReader(file))
        return lines, json.loads(files['json'].read_text()), capsys.readouterr().out

    return run


def test_every_cell_is_there_with_its_ratios(measure, tmp_path):
    whats, dtypes = ('forward', 'training', 'memory'), ('float32', 'bfloat16')
    picture = tmp_path / 'plot.png'
    lines, report, printed = measure(
        *('--models', *MODELS, '--sizes', *SIZES, '--what', *whats, '--dtypes', *dtypes),
        *('--baseline', *MODELS[:2], '--plot', str(picture)),
    )
    found = [(line['model'], line['size'], line['dtype'], line['what']) for line in lines]
    assert sorted(found) == sorted(itertools.product(MODELS, SIZES, dtypes, whats))
    assert all(float(line['median']) > 0 for line in lines)
    for row in report['rows']:
        for baseline in MODELS[:2]:
            if row['model'] == baseline:
                assert row['ratios'][baseline] == [1, 1, 1]
    check_ratios_are_medians_over_rounds(report['rows'])
    for word in (*MODELS, *SIZES, *dtypes, *whats, torch.__version__, 'Load average'):
        assert word in printed
    assert 'growth of time from 1x32' in printed
    assert 'growth of time from 2x32' not in printed  # one size of that batch alone
    assert picture.read_bytes().startswith(b'\x89PNG')


def check_ratios_are_medians_over_rounds(rows):
    of = {(r['model'], r['size']['name'], r['dtype'], r['what']): r for r in rows}
    for (_, *cell), row in of.items():
        for baseline, (_, median, _) in row['ratios'].items():
            other = of[(baseline, *cell)]
            own = row['rounds'] or row['value']
            assert len(own) == 3
            rounds = zip(own, other['rounds'] or other['value'], strict=True)
            assert median == pytest.approx(statistics.median(a / b for a, b in rounds))


def test_the_report_says_on_what_and_how_it_was_measured(measure):
    _, report, printed = measure('--models', MODELS[1], '--sizes', '1x32', '--seed', '3')
    assert report['machine']['torch'] == torch.__version__
    assert report['machine']['threads'] == torch.get_num_threads()
    assert report['seed'] == 3
    assert report['built'] == {
        MODELS[1]: 'Hamsa(img_size=(H, W), drop_path_rate=0.1, arch=nano, kernel=real, '
        'out_indices=(0,))'
    }
    assert report['built'][MODELS[1]].split() == printed.split(f'{MODELS[1]}: ')[1].split()[:6]
    assert {row['what'] for row in report['rows']} == {'forward'}


def test_filters(measure):
    pytest.importorskip('torch_dct')
    sizes = ('2x3x8x8', '1x3x5x9')
    whats = ('forward+backward', 'memory')
    lines, report, _ = measure('--operators', '--sizes', *sizes, '--what', *whats)
    filters = ('cosine', 'hartley', 'torch_dct', 'rfft2')
    found = [(line['model'], line['size'], line['what']) for line in lines]
    assert sorted(found) == sorted(itertools.product(filters, sizes, whats))
    assert list(report['rows'][0]['ratios']) == ['rfft2', 'torch_dct']


def test_compiled_candidates_are_one_graph_each(measure, monkeypatch):
    """Traced, but run without generated code, whose making takes minutes. Two variants of one class
    in training and in evaluation: each its own graph of the same code."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, 'compile', functools.partial(torch.compile, backend=backend))
    models = (MODELS[1], 'hamsa_nano:out_indices=(0,)')
    whats = ('forward', 'training')
    lines, _, _ = measure(
        *('--models', *models, '--modes', 'compiled', '--sizes', '1x32', '--what', *whats)
    )
    assert [(line['model'], line['what'], line['mode']) for line in lines] == [
        (model, what, 'compiled') for what in whats for model in models
    ]
    assert len(graphs) == len(models) * len(whats)


def test_optimized_ours_are_optimized_and_peers_cast(measure, monkeypatch):
    pytest.importorskip('timm')
    optimized = []

    def optimize(model, *args):
        optimized.append(type(model).__name__)
        return optimize_for_inference(model, *args)

    monkeypatch.setattr('heracles_mm.benchmark.workloads.optimize_for_inference', optimize)
    models, dtypes = (MODELS[0], 'resnet18'), ('float32', 'bfloat16')
    lines, _, _ = measure(
        *('--models', *models, '--modes', 'optimized', '--sizes', '1x32', '--dtypes', *dtypes),
        *('--baseline', 'resnet18'),
    )
    assert [(line['model'], line['dtype'], line['mode']) for line in lines] == [
        (model, dtype, 'optimized') for dtype in dtypes for model in models
    ]
    assert optimized == ['Heracles'] * len(dtypes)


def test_an_interrupted_run_keeps_what_it_measured(tmp_path, monkeypatch):
    cells = []

    def two_cells(cell, *rest):
        if cells:
            raise KeyboardInterrupt
        cells.append(cell)
        return measure_cell(cell, *rest)

    measure_cell = benchmark.measure
    monkeypatch.setattr(benchmark, 'measure', two_cells)
    path = tmp_path / 'out.csv'
    with pytest.raises(KeyboardInterrupt):
        main(['--models', MODELS[0], '--sizes', '1x32', '1x40', '--csv', str(path), *FAST])
    with path.open() as file:
        assert [line['size'] for line in csv.DictReader(file)] == ['1x32']


NANO = ('--models', 'heracles_nano')
ERRORS = {
    'size without a batch': ((*NANO, '--sizes', '224'), ['BxS or BxHxW', "'224'"]),
    'size of four numbers': ((*NANO, '--sizes', '1x3x64x64'), ['BxS or BxHxW']),
    'size of no pictures': ((*NANO, '--sizes', '0x64'), ["'0x64'"]),
    'size too small': ((*NANO, '--sizes', '1x31'), ['1x31', 'at least 32 px']),
    'map of three numbers': (('--operators', '--sizes', '8x32x56'), ['BxCxHxW']),
    'unknown dtype': ((*NANO, '--dtypes', 'float8'), ["'float8'", 'bfloat16']),
    'unknown mode': ((*NANO, '--modes', 'fast'), ["'fast'", 'compiled']),
    'training of what is optimized': (
        (*NANO, '--modes', 'optimized', '--what', 'training'),
        ['--modes optimized measures the forward pass'],
    ),
    'unknown measurement': ((*NANO, '--what', 'speed'), ['forward, training, memory', 'speed']),
    'no rounds': ((*NANO, '--rounds', '0'), ['--rounds', 'at least 1', "'0'"]),
    'baseline that is not measured': ((*NANO, '--baseline', 'swin_t'), ['choose from the models']),
    'unknown filter': (
        ('--operators', '--models', 'dct'),
        ["'dct'", 'cosine, hartley, torch_dct, rfft2'],
    ),
    'filters in half precision': (
        ('--operators', '--dtypes', 'bfloat16'),
        ['--operators measures in float32'],
    ),
    'unknown option': (('--models', 'heracles_nano:alpha=1'), ["'alpha'", 'allowed are']),
    'option without a value': (('--models', 'heracles_nano:with_cp'), ['KEY=VALUE']),
    'missing folder': ((*NANO, '--csv', 'absent/x.csv'), ['absent/x.csv does not exist']),
    'no picture': ((*NANO, '--plot', 'x.txt'), ['x.txt', 'png']),
}


@pytest.fixture
def fails(capsys):
    """Run the tool and return the one line that it says; nothing was measured by then."""

    def run(*argv):
        assert main(list(argv)) == 2
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if line.startswith('benchmark: error: ')]
        assert lines[-1:] == errors
        assert all('building' in line for line in lines[:-1])
        return errors[0]

    return run


@pytest.mark.parametrize('case', ERRORS)
def test_a_mistake_is_one_clear_line(case, fails):
    argv, words = ERRORS[case]
    line = fails(*argv)
    for word in words:
        assert word in line


def test_cuda_without_a_device(fails, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert '--device cuda needs a CUDA device' in fails(*NANO, '--device', 'cuda')


@pytest.mark.parametrize('name', ['swin_t', 'resnet50', 'heracles_xl'])
def test_a_peer_without_timm_names_the_extra(name, fails, monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    line = fails('--models', 'heracles_nano', name)
    assert name in line
    assert "pip install 'heracles-mm[benchmark]'" in line


def test_ours_alone_need_no_timm(measure, monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    lines, _, _ = measure('--models', MODELS[0], '--sizes', '1x32')
    assert [line[f'x_{MODELS[0]}'] for line in lines] == ['1']


def test_the_filter_of_torch_dct_without_it_names_the_extra(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch_dct', None)
    assert "pip install 'heracles-mm[benchmark]'" in fails('--operators', '--sizes', '1x1x8x8')


def test_an_unknown_model_is_answered_with_what_there_is(fails):
    pytest.importorskip('timm')
    line = fails('--models', 'heracles_xl')
    for word in ("'heracles_xl'", 'hamsa_X_real', 'swin_t', 'timm'):
        assert word in line


@pytest.mark.parametrize('way', [['-m', 'heracles_mm.cli.benchmark'], ['tools/benchmark.py']])
def test_the_process_says_one_line(way):
    command = [sys.executable, *way, '--sizes', 'small']
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "benchmark: error: a size is written BxS or BxHxW, such as 8x224 or 1x800x1280, not 'small'"
    ]
