"""The tool draws from a config and a checkpoint, and its mistakes are one line and no file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('matplotlib', reason='pictures need matplotlib, which comes with mmdet')

from PIL import Image

from heracles_mm import Heracles
from heracles_mm.cli.visualize import main
from heracles_mm.visualization.trained_backbone import read_picture, trained_backbone

CONFIG = """
custom_imports = dict(imports=['heracles_mm'])
model = dict(
    data_preprocessor=dict(mean=[10.0, 20.0, 30.0], std=[1.0, 2.0, 4.0]),
    backbone=dict(
        type='{family}',
        arch=dict(stem_width=8, embed_dims=(32, 32, 32, 32), depths=(1, 1, 1, 1)),
        img_size=64,
    ),
)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for family in ('Heracles', 'Hamsa'):
        Path(f'{family.lower()}.py').write_text(CONFIG.format(family=family))
    Path('no_picture.png').write_text('text')
    Path('is_a_file').touch()
    Image.fromarray(np.full((90, 70, 3), 50, np.uint8)).save('picture.png')
    return tmp_path


@pytest.fixture
def checkpoint(folder):
    torch.manual_seed(1)
    arch = dict(stem_width=8, embed_dims=(32, 32, 32, 32), depths=(1, 1, 1, 1))
    weights = Heracles(arch, img_size=64).state_dict()
    torch.save(
        {'state_dict': {f'backbone.{key}': value for key, value in weights.items()}}, 'trained.pth'
    )
    return weights


def test_each_picture_is_drawn(folder, checkpoint, capsys):
    for argv in (
        ['filters', 'heracles.py', 'trained.pth'],
        ['filters', 'hamsa.py', '--stage', '2'],
        ['gates', 'hamsa.py', '--image', 'picture.png'],
        ['features', 'heracles.py', 'trained.pth', '--image', 'picture.png', '--size', '64', '96'],
        ['receptive-field', 'heracles.py', '--stage', '2', '--size', '64'],
        ['activations', 'heracles.py', 'trained.pth'],
    ):
        assert main([*argv, '--out', f'{argv[0]}.png']) == 0
        assert Path(f'{argv[0]}.png').read_bytes().startswith(b'\x89PNG')
        assert capsys.readouterr().out.startswith(f'{argv[0]}.png: ')


def test_the_weights_are_those_of_the_checkpoint(checkpoint):
    from mmengine.config import Config

    backbone = trained_backbone(Config.fromfile('heracles.py'), 'trained.pth')
    assert not backbone.training
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, checkpoint[key])


def test_a_picture_is_normalised_as_the_config_says():
    from mmengine.config import Config

    x = read_picture('picture.png', Config.fromfile('heracles.py'), (64, 48))
    assert x.shape == (1, 3, 64, 48)
    assert x[0, :, 0, 0].tolist() == [40.0, 15.0, 5.0]


def test_a_turned_picture_and_one_of_16_bits_are_read_as_seen():
    """As the runtime reads them: upright, and not clipped to white."""
    from mmengine.config import Config

    config = Config.fromfile('heracles.py')
    ramp = np.tile(np.arange(90, dtype=np.uint8)[:, None], (1, 70))  # darker above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(ramp[::-1, ::-1]).save('turned.png', exif=exif)
    Image.fromarray(ramp.astype(np.uint16) * 257).save('deep.png')
    Image.fromarray(ramp).save('plain.png')
    plain, *others = (
        read_picture(f'{name}.png', config, (90, 70)) for name in ('plain', 'turned', 'deep')
    )
    for other in others:
        assert (other - plain).abs().max() <= 1


def test_runs_are_drawn_on_one_plot():
    for name in ('first', 'second'):
        log = Path(name) / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        rows = [{'loss': 1 / step, 'iter': step, 'step': step} for step in (1, 2, 3)]
        log.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    assert main(['curves', 'first', 'second', '--out', 'curves.svg']) == 0
    assert Path('curves.svg').read_bytes().startswith(b'<?xml')


OUT = ['--out', 'out.png']
MISTAKES = {
    'suffix': (['filters', 'heracles.py', '--out', 'x.jpg'], 'x.jpg must end in .png or .svg'),
    'no out': (['filters', 'heracles.py'], '--out'),
    'nothing': ([], 'WHAT'),
    'config': (['filters', 'absent.py', *OUT], 'absent.py does not exist'),
    'checkpoint': (['filters', 'heracles.py', 'absent.pth', *OUT], 'absent.pth does not exist'),
    'other model': (['filters', 'hamsa.py', 'trained.pth', *OUT], 'trained.pth: '),
    'stage': (['filters', 'heracles.py', '--stage', '5', *OUT], 'stage 5 does not exist'),
    'no filter': (['filters', 'heracles.py', '--stage', '4', *OUT], 'stage 4 has neither'),
    'no gates': (['gates', 'heracles.py', '--image', 'picture.png', *OUT], 'has no SASS'),
    'no image': (['gates', 'hamsa.py', *OUT], '--image'),
    'missing image': (
        ['features', 'hamsa.py', '--image', 'absent.png', *OUT],
        'absent.png cannot be read: No such file',
    ),
    'text': (
        ['features', 'hamsa.py', '--image', 'no_picture.png', *OUT],
        'no_picture.png is no picture that Pillow can read',
    ),
    'small': (['activations', 'hamsa.py', '--size', '0', *OUT], 'at least 1 px, got 0'),
    'unwritable': (
        ['filters', 'heracles.py', '--out', 'is_a_file/x.png'],
        'is_a_file/x.png cannot be written',
    ),
    'no run': (['curves', 'absent', *OUT], 'absent holds no vis_data/scalars.json'),
    'no scalar': (['curves', 'empty.json', *OUT], "no scalar 'loss', only nothing"),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_file(case, checkpoint, folder, capsys):
    Path('empty.json').touch()
    before = sorted(folder.rglob('*'))
    argv, words = MISTAKES[case]
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('visualize: error: ')
    assert words in line
    assert sorted(folder.rglob('*')) == before
