"""convert_checkpoint and publish_model, and what a user sees of a checkpoint that does not fit."""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

import pytest
import torch

from heracles_mm import Heracles
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.checkpoints.upstream import convert
from heracles_mm.cli import convert_checkpoint, publish_model
from heracles_mm.cli import test as test_module
from heracles_mm.cli import train as train_module

ROOT = Path(__file__).resolve().parents[2]
SPECTRAL_CONFIG = ROOT / 'tests' / 'cli' / 'toy' / 'spectral_config.py'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def says(capfd):
    """Run a tool's main and return (exit code, what it prints, what it complains of)."""

    def run(module, *argv):
        code = module.main([str(word) for word in argv])
        return code, *capfd.readouterr()

    return run


@pytest.fixture(scope='module')
def upstream():
    """A nano Heracles under upstream's names."""
    torch.manual_seed(0)
    return convert(Heracles('nano', spectral_stages=2).state_dict()).weights


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_a_file_is_converted_there_and_back(suffix, upstream, says):
    if suffix == '.safetensors':
        pytest.importorskip('safetensors')
    torch.save({'model': {f'module.{k}': w for k, w in upstream.items()}, 'epoch': 1}, 'up.pth')
    code, printed, _ = says(convert_checkpoint, 'up.pth', f'ours{suffix}')
    assert code == 0
    assert f'up.pth (upstream Heracles) -> ours{suffix} (heracles_mm)' in printed
    assert "backbone=dict(type='Heracles', arch='nano', spectral_stages=2)" in printed
    ours = read_checkpoint(f'ours{suffix}')['state_dict']
    assert equal(ours, convert(upstream).weights)

    code, printed, _ = says(convert_checkpoint, f'ours{suffix}', 'back.pth')
    assert (code, '(heracles_mm) -> back.pth (upstream Heracles)' in printed) == (0, True)
    assert equal(read_checkpoint('back.pth')['state_dict'], upstream)


def test_the_printed_backbone_of_a_size_without_a_name_builds(upstream, says):
    arch = dict(stem_width=8, embed_dims=(32,) * 4, depths=(1,) * 4, mlp_ratios=(1, 2, 1, 1))
    torch.save(Heracles(arch).state_dict(), 'ours.pth')
    _, printed, _ = says(convert_checkpoint, 'ours.pth', 'up.pth')
    line = printed.splitlines()[-1].removeprefix('backbone=')
    options = eval(line)
    assert options.pop('type') == 'Heracles'
    Heracles(**options).load_state_dict(torch.load('ours.pth', weights_only=True))


def test_a_script_reads_the_conversion_in_the_last_line(upstream, says):
    torch.save(upstream, 'up.pth')
    code, printed, _ = says(convert_checkpoint, 'up.pth', 'ours.pth', '--json')
    assert code == 0
    ours = torch.load('ours.pth', weights_only=True)['state_dict']
    assert json.loads(printed.splitlines()[-1]) == {
        'path': 'ours.pth',
        'source': 'upstream Heracles',
        'target': 'heracles_mm',
        'tensors': len(ours),
        'parameters': sum(p.numel() for p in Heracles('nano', spectral_stages=2).parameters()),
        'bytes': Path('ours.pth').stat().st_size,
    }


CONVERT_ERRORS = {
    'onto itself': (('up.pth', 'up.pth'), 'up.pth is a file that is read here'),
    'onto itself by a link': (('up.pth', 'link.pth'), 'link.pth is a file that is read here'),
    'onto itself by force': (
        ('up.pth', './up.pth', '--force'),
        'give what is written another name',
    ),
    'onto another file': (('up.pth', 'there.pth'), 'there.pth is there already: give --force'),
    'into no format': (('up.pth', 'x.bin'), r'x.bin must end in .pth or .safetensors'),
    'from nothing': (('absent.pth', 'x.pth'), 'absent.pth does not exist'),
    'from a folder': (('.', 'x.pth'), 'is a folder'),
    'leftovers': (('more.pth', 'x.pth'), '1 not understood (extra)'),
    'another model': (('other.pth', 'x.pth'), 'of neither upstream Heracles'),
    'into a file as folder': (('up.pth', 'there.pth/x.pth'), 'there.pth/x.pth cannot be written'),
}


@pytest.mark.parametrize('case', CONVERT_ERRORS)
def test_a_refused_conversion_is_one_line_and_loses_no_file(case, upstream, says, folder):
    torch.save(upstream, 'up.pth')
    torch.save({**upstream, 'extra': torch.zeros(1)}, 'more.pth')
    torch.save({'conv1.weight': torch.zeros(1)}, 'other.pth')
    os.symlink('up.pth', 'link.pth')
    Path('there.pth').write_text('precious')
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    argv, message = CONVERT_ERRORS[case]
    code, printed, complaint = says(convert_checkpoint, *argv)
    assert (code, printed) == (2, '')
    assert complaint.startswith('convert_checkpoint: error: ')
    assert len(complaint.splitlines()) == 1
    assert message in complaint
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_force_replaces_the_target(upstream, says):
    torch.save(upstream, 'up.pth')
    Path('there.pth').write_text('old')
    assert says(convert_checkpoint, 'up.pth', 'there.pth', '--force')[0] == 0
    assert 'state_dict' in torch.load('there.pth', weights_only=True)


@pytest.fixture
def trained():
    """What a run with EMAHook saves; the average is 2, the weights are 1."""
    Path('run').mkdir()
    torch.save(
        {
            'state_dict': {'w': torch.full((3,), 2.0), 'head.weight': torch.full((2, 3), 2.0)},
            'ema_state_dict': {
                'steps': torch.tensor(5),
                'module.w': torch.ones(3),
                'module.head.weight': torch.ones(2, 3),
            },
            'optimizer': {'state': {0: {'exp_avg': torch.zeros(9999)}}},
            'message_hub': {},
            'meta': {
                'epoch': 3,
                'seed': 1,
                'cfg': 'data_root = "/home/someone"',
                'dataset_meta': {'classes': ('cat', 'dog'), 'palette': [(1, 2, 3), (4, 5, 6)]},
            },
        },
        'run/epoch_3.pth',
    )
    return 'run/epoch_3.pth'


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize(('flags', 'value'), [((), 1.0), (('--ema',), 2.0)])
def test_a_published_file_holds_the_weights_and_the_class_names(
    suffix, flags, value, trained, says
):
    if suffix == '.safetensors':
        pytest.importorskip('safetensors')
    code, printed, _ = says(publish_model, trained, f'out/model{suffix}', *flags)
    assert code == 0
    (path,) = Path('out').iterdir()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'model-{digest[:8]}{suffix}'
    assert str(path) in printed
    assert ('averaged weights' in printed) == bool(flags)
    content = read_checkpoint(path)
    assert set(content) == {'state_dict', 'meta'}
    assert {key: w.unique().tolist() for key, w in content['state_dict'].items()} == {
        'w': [value],
        'head.weight': [value],
    }
    assert set(content['meta']) == {'dataset_meta'}
    assert list(content['meta']['dataset_meta']['classes']) == ['cat', 'dog']
    assert path.stat().st_size < 9999
    assert Path(trained).exists()


def test_a_script_reads_the_published_file_in_the_last_line(trained, says):
    code, printed, _ = says(publish_model, trained, 'out/model.pth', '--ema', '--json')
    assert code == 0
    (path,) = Path('out').iterdir()
    assert json.loads(printed.splitlines()[-1]) == {
        'path': str(path),
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        'weights': 'averaged weights',
        'tensors': 2,
        'parameters': 3 + 2 * 3,
        'bytes': path.stat().st_size,
    }


def test_publishing_again_gives_the_same_name(trained, says):
    for _ in range(2):
        assert says(publish_model, trained, 'out/model.pth')[0] == 0
    assert len(list(Path('out').iterdir())) == 1


def test_a_view_is_published_without_the_storage_behind_it(says):
    """torch.save would write all of it."""
    torch.save({'w': torch.zeros(10**6)}, 'big.pth')
    torch.save({'w': torch.zeros(10**6)[:3]}, 'view.pth')
    assert Path('view.pth').stat().st_size > 10**6
    says(publish_model, 'view.pth', 'out/model.pth')
    (path,) = Path('out').iterdir()
    assert path.stat().st_size < 10**4


PUBLISH_ERRORS = {
    'no format': (('run/epoch_3.pth', 'model'), 'must end in .pth or .safetensors'),
    'no averages': (('plain.pth', 'm.pth', '--ema'), 'holds no averaged weights beside others'),
    'no weights': (('empty.pth', 'm.pth'), 'holds no weights: its entries are epoch'),
    'damaged weights': (('nan.pth', 'm.pth'), 'nan.pth holds NaN or infinity in w'),
    'code': (('code.pth', 'm.pth'), 'holds Python objects other than tensors'),
}


class Payload:
    def __reduce__(self):
        return print, ('the payload ran',)


@pytest.mark.parametrize('case', PUBLISH_ERRORS)
def test_what_cannot_be_published_is_one_line(case, trained, says):
    torch.save({'state_dict': {'w': torch.zeros(1)}}, 'plain.pth')
    torch.save({'epoch': 1}, 'empty.pth')
    torch.save({'w': torch.tensor([float('nan')])}, 'nan.pth')
    Path('code.pth').write_bytes(pickle.dumps({'w': Payload()}, protocol=2))
    argv, message = PUBLISH_ERRORS[case]
    code, printed, complaint = says(publish_model, *argv)
    assert (code, printed) == (2, '')
    assert len(complaint.splitlines()) == 1
    assert message in complaint
    assert not list(Path().glob('m-*'))


@pytest.mark.parametrize('tool', ['convert_checkpoint', 'publish_model'])
def test_the_scripts_run_from_any_folder(tool, run, trained):
    done = run(sys.executable, ROOT / 'tools' / f'{tool}.py', trained, 'model.txt')
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f'{tool}: error: model.txt must end in .pth or .safetensors, which says the format'
    ]


LOAD_ERRORS = {
    'a folder': ('.', 'is a folder: name a file in it'),
    'cut short': ('short.pth', 'short.pth cannot be read, it may be damaged or cut short'),
    'another arch': ('nano.pth', 'another arch: its stages have widths (32, 64, 128, 192)'),
    'another library': (
        'resnet.pth',
        'none of the 100 tensors of Heracles is in the checkpoint, whose keys look like '
        'conv1.weight, layer1.0.conv1.weight (strict_loading=False on the backbone takes',
    ),
}


@pytest.mark.parametrize('tool', [train_module, test_module])
@pytest.mark.parametrize('case', LOAD_ERRORS)
def test_a_checkpoint_that_does_not_fit_is_one_line(case, tool, says, folder):
    torch.save({'w': torch.zeros(1000)}, 'short.pth')
    Path('short.pth').write_bytes(Path('short.pth').read_bytes()[:2000])
    torch.save({'model': Heracles('nano').state_dict()}, 'nano.pth')
    names = 'conv1.weight', 'layer1.0.conv1.weight'
    torch.save({name: torch.zeros(1) for name in names}, 'resnet.pth')
    name, message = LOAD_ERRORS[case]
    given = ('--cfg-options', f'load_from={name}') if tool is train_module else (name,)
    code, _, complaint = says(tool, SPECTRAL_CONFIG, *given, '--work-dir', 'w')
    lines = [line for line in complaint.splitlines() if 'Warning' not in line]
    assert code == 2
    assert lines[-1].startswith(f'{tool.NAME}: error: ')
    assert message in lines[-1]


def test_the_test_tool_needs_the_heads_too(says):
    from toy_spectral import ToySpectral

    torch.save(ToySpectral().backbone.state_dict(), 'bare.pth')
    code, _, complaint = says(test_module, SPECTRAL_CONFIG, 'bare.pth', '--work-dir', 'w')
    assert code == 2
    assert '4 missing (neck.weight, neck.bias, head.weight and 1 more)' in complaint
    assert 'a test needs the checkpoint of the whole model' in complaint
