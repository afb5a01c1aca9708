"""``tools/test.py --corruptions``: one test each, of all three libraries, that can be stopped."""

import json
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

pytest.importorskip('mmdet', reason='a detector is tested')
pytest.importorskip('mmseg', reason='and a segmentor')
pytest.importorskip('mmpretrain', reason='and a classifier')
pytest.importorskip('imagecorruptions', reason='the extra corruptions is not installed')

from heracles_mm.cli import test as test_module
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.robustness import CorruptPicture

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SCENES = [f'test_dataloader.dataset.num_{part}=2' for part in ('train', 'val')]
CASES = {
    'mask_rcnn_heracles_nano_scenes': (SCENES, None),
    'upernet_hamsa_nano_scenes': (SCENES, 'mIoU'),
    'hamsa_nano_pictures': ([], 'accuracy/top1'),
    'hamsa_nano_parts': ([], None),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('corruptions')
    write_pictures(folder / 'pictures', train=1, val=1, side=40)
    return folder


@pytest.fixture
def argv(folder, monkeypatch):
    """Name of a config, work folder -> the tool's arguments, with random weights."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv('PICTURES', f'{folder}/pictures/')
    monkeypatch.setenv('HERACLES_CACHE', f'{folder}/cache')

    def of(name, work, *more, workers=0):
        config = CONFIGS / f'{name}.py'
        if not Path(f'{name}.pth').exists():
            cfg = Config.fromfile(config)
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, f'{name}.pth')
        options = [*CASES[name][0], f'test_dataloader.num_workers={workers}']
        options.append(f'test_dataloader.persistent_workers={workers > 0}')
        arguments = [str(config), f'{name}.pth', '--work-dir', str(work)]
        return [*arguments, *more, '--cfg-options', *options]

    return of


@pytest.fixture
def passes(monkeypatch):
    """What corrupts the pictures that are read, in their order."""
    seen = []
    call = CorruptPicture.__call__

    def noted(step, results):
        seen.append((step.corruption, step.severity))
        return call(step, results)

    monkeypatch.setattr(CorruptPicture, '__call__', noted)
    return seen


@pytest.mark.parametrize('name', list(CASES)[:3])
def test_every_library_tests_clean_and_corrupted(name, argv, passes, tmp_path, capsys):
    asked = ['--corruptions', 'contrast', '--severities', '1', '5', '--json']
    assert test_module.main(argv(name, tmp_path, *asked)) == 0
    assert list(dict.fromkeys(passes)) == [(None, 0), ('contrast', 1), ('contrast', 5)]
    assert len(passes) % 3 == 0  # every picture once in each test
    table, printed = capsys.readouterr().out.splitlines()[-12:], None
    printed = json.loads(table[-1])
    assert CASES[name][1] in (None, printed['metric'])
    assert set(printed['clean']) == set(printed['corrupted'][0]['metrics'])
    first = [one['metrics'][printed['metric']] for one in printed['corrupted']]
    assert printed['mean'][printed['metric']] == pytest.approx(sum(first) / 2)
    assert any(line.startswith(f'{printed["metric"]}: ') for line in table)
    start = tmp_path / f'corruptions_{name}'
    assert start.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
    kept = json.loads(start.with_suffix('.json').read_text())['tests']
    assert [(one['corruption'], one['severity']) for one in kept] == [
        ('clean', 0),
        ('contrast', 1),
        ('contrast', 5),
    ]


def test_a_stopped_call_goes_on(argv, passes, tmp_path, monkeypatch):
    """What is kept is not tested again, and the end is that of a call which nobody stopped."""
    name, asked = 'hamsa_nano_pictures', ['--corruptions', 'shot_noise', 'fog', '--severities', '2']
    scores = tmp_path / 'a' / f'corruptions_{name}.json'
    assert test_module.main(argv(name, tmp_path / 'b', *asked)) == 0
    count = len(passes) // 3
    call = CorruptPicture.__call__

    def stopped(step, results):
        if step.corruption == 'fog':
            raise KeyboardInterrupt
        return call(step, results)

    with monkeypatch.context() as patch:
        patch.setattr(CorruptPicture, '__call__', stopped)
        with pytest.raises(KeyboardInterrupt):
            test_module.main(argv(name, tmp_path / 'a', *asked))
    passes.clear()
    assert test_module.main(argv(name, tmp_path / 'a', *asked)) == 0
    assert passes == [('fog', 2)] * count
    assert scores.read_text() == (tmp_path / 'b' / scores.name).read_text()
    assert test_module.main(argv(name, tmp_path / 'a', *asked)) == 0
    assert len(passes) == count


def test_workers_know_the_corruption_of_their_test(argv, tmp_path):
    """Workers that stay hold a copy of the data set from before the change."""
    name, asked = 'hamsa_nano_pictures', ['--corruptions', 'contrast', '--severities', '5']
    found = []
    for workers in (0, 1):
        work = tmp_path / str(workers)
        assert test_module.main(argv(name, work, *asked, workers=workers)) == 0
        found.append(json.loads((work / f'corruptions_{name}.json').read_text())['tests'])
    assert found[0] == found[1]


MISTAKES = {
    'name': (['--corruptions', 'fogg'], "no corruption is called 'fogg', allowed are all, noise"),
    'severity': (['--corruptions', 'fog', '--severities', '6'], 'invalid choice: 6'),
    'alone': (['--severities', '1'], '--severities are those of --corruptions'),
    'single': (['--corruptions', 'fog', '--report', 'a.html'], 'give --report or --corruptions'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line(case, argv, tmp_path, capsys):
    options, words = MISTAKES[case]
    assert test_module.main(argv('hamsa_nano_pictures', tmp_path, *options)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert words in lines[-1]
    assert not [*tmp_path.glob('corruptions*')]


def test_a_missing_package_is_named(argv, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'imagecorruptions', None)
    assert test_module.main(argv('hamsa_nano_pictures', tmp_path, '--corruptions', 'fog')) == 2
    assert "pip install 'heracles-mm[corruptions]'" in capsys.readouterr().err


def test_pictures_that_are_too_small_are_named(argv, tmp_path, capsys):
    """Those of 28 px that a data set holds itself, without a step that reads them."""
    assert test_module.main(argv('hamsa_nano_parts', tmp_path, '--corruptions', 'fog')) == 2
    assert 'has 28x28 px: corruptions take pictures of at least 32x32' in capsys.readouterr().err


@pytest.mark.parametrize('content', ['{"subject": "', '[]', '{"subject": "other", "tests": []}'])
def test_a_file_of_something_else_is_left_alone(content, argv, tmp_path, capsys):
    file = tmp_path / 'corruptions_hamsa_nano_pictures.json'
    file.write_text(content)
    assert test_module.main(argv('hamsa_nano_pictures', tmp_path, '--corruptions', 'fog')) == 2
    assert f'{file} ' in capsys.readouterr().err and file.read_text() == content
