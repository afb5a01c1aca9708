"""The roofline on the command line: a table for every cell, the CPU's peaks, and the comparison."""

import json

import pytest

from heracles_mm.benchmark import workloads
from heracles_mm.benchmark.cell import MODES
from heracles_mm.cli.roofline import main
from heracles_mm.roofline import measured

NANO = 'hamsa_nano:out_indices=(0,)'
OTHER = 'heracles_nano:out_indices=(0,)'
MODELS = ('--models', NANO, OTHER, '--baseline', OTHER, '--sizes', '1x32')


def run(*argv):
    assert main(list(map(str, argv))) == 0


def test_every_pass_has_its_row_and_its_parts(tmp_path, capsys):
    file = tmp_path / 'out.json'
    run(
        *MODELS,
        '--what',
        'forward',
        'training',
        '--devices',
        'V100',
        'H100',
        '--detail',
        NANO,
        '--json',
        file,
    )
    report = json.loads(file.read_text())
    assert list(report['devices']) == ['V100', 'H100']
    passes = [(row['model'], row['what']) for row in report['rows']]
    assert passes == [(model, what) for what in ('forward', 'training') for model in (NANO, OTHER)]
    for row in report['rows']:
        assert row['seconds']['H100'] < row['seconds']['V100']
        assert set(row['parts']) == (
            {'module', 'operator', 'kind'} if row['model'] == NANO else set()
        )
        for parts in row['parts'].values():
            assert sum(part['kernels'] for part in parts.values()) == row['kernels']
            whole = sum(part['seconds'] for part in parts.values())
            assert whole == pytest.approx(row['seconds']['V100'])
    printed = capsys.readouterr().out
    for word in ('1x32, training, bfloat16', 'published, NVIDIA', 'stages.*.blocks.*.mixer.sass'):
        assert word in printed


def test_compiled_optimized_and_in_a_graph_it_takes_less(tmp_path):
    file, found = tmp_path / 'found.json', {}
    options = ('--devices', 'A100', '--json', file, '--modes', *MODES)
    for flags in ((), ('--graph',)):
        run(*MODELS, *options, *flags)
        rows = json.loads(file.read_text())['rows']
        found |= {(row['model'], row['mode'], *flags): row for row in rows}
    for name in (NANO, OTHER):
        eager, fused, cast, both = (found[name, mode] for mode in MODES)
        for less, more in ((fused, eager), (cast, eager), (both, fused), (both, cast)):
            assert less['kernels'] < more['kernels'] and less['bytes'] < more['bytes']
        graph = found[name, 'eager', '--graph']
        assert (graph['kernels'], graph['bytes']) == (eager['kernels'], eager['bytes'])
        assert graph['seconds']['A100'] < eager['seconds']['A100']


def test_an_optimized_model_has_no_training_step(capsys):
    assert main(['--modes', 'optimized', '--what', 'training']) == 2
    assert 'such a model cannot train' in capsys.readouterr().err


@pytest.fixture
def cpu(tmp_path, monkeypatch):
    """The file of this CPU's peaks, by calls too small to mean anything."""
    monkeypatch.setitem(workloads.MATMUL_SIDE, 'cpu', 32)
    monkeypatch.setattr(measured, 'LEVELS', [2**12, 2**14])
    run('--measure', tmp_path / 'cpu.json', '--seconds', 0)
    return tmp_path / 'cpu.json'


def test_peaks_of_this_cpu_and_the_comparison_with_a_measurement(capsys, cpu, tmp_path):
    kinds = {'matmul', 'small', 'copy', 'conv', 'depthwise', 'attention', 'special', 'fft'}
    assert set(json.loads(cpu.read_text())['rates']) == kinds
    assert 'measured on' in capsys.readouterr().out

    def row(model, seconds, **other):
        cell = dict(size={'name': '1x32'}, dtype='float32', mode='eager', what='forward')
        return {'model': model, 'value': [0, seconds, 0], **cell, **other}

    # The rows of memory and of a mode that has no estimate are left out.
    rows = [row(NANO, 2.0), row(OTHER, 1.0), row(OTHER, 3e6, what='memory', size={'name': '1x32'})]
    (tmp_path / 'times.json').write_text(json.dumps({'rows': rows}))
    run('--devices', cpu, '--against', tmp_path / 'times.json')
    printed = capsys.readouterr().out
    assert printed.count('against measurement') == 1
    line = next(line for line in printed.splitlines() if NANO in line)
    _, measured_ms, _, measured_ratio, estimated_ratio, error, _ = line.split('│')[1:]
    assert (float(measured_ms), float(measured_ratio)) == (2000, 1.0)  # no Swin-T: the first
    assert float(estimated_ratio) == float(error) == 1
    assert 'Between any two models' in printed


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (('--devices', 'B200'), ["unknown device 'B200'", 'V100']),
        (('--models', NANO, '--detail', OTHER), ['--detail', 'not among --models']),
        (('--json', 'absent/x.json'), ['absent/x.json does not exist']),
        (('--measure', 'absent/x.json'), ['absent/x.json does not exist']),
        (('--against', 'pyproject.toml'), ['pyproject.toml is no file of tools/benchmark.py']),
        (('--models', 'heracles_nano:alpha=1', '--sizes', '1x32'), ["'alpha'", 'allowed are']),
        (('--sizes', '224'), ['BxS or BxHxW']),
    ],
)
def test_a_mistake_is_one_clear_line(argv, words, capsys):
    assert main(list(argv)) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith('roofline: error: ')
    for word in words:
        assert word in line
