"""tools/app.py: what it shows of a checkpoint, and mistakes. The page itself: tests/runtime."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from heracles_mm.cli import app

CONFIG = Path(__file__).parents[1] / 'export' / 'configs' / 'classifier.py'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pages(monkeypatch):
    """What would be served, each ended at once as by Ctrl-C."""
    seen = []

    @contextmanager
    def served(*what):
        seen.append(what)
        yield 'http://127.0.0.1:1/'

    class Ended:
        def wait(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(app, 'served', served)
    monkeypatch.setattr(app.threading, 'Event', Ended)
    return seen


def test_a_checkpoint_is_looked_at_from_outside_and_inside(pages, capsys):
    pytest.importorskip('mmpretrain')
    from mmengine.config import Config

    from heracles_mm.export.building import build_model

    model = build_model(Config.fromfile(CONFIG), None, only_backbone=False)
    torch.save({'state_dict': model.state_dict()}, 'c.pth')
    Path('pictures').mkdir()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save('pictures/a.png')
    argv = [str(CONFIG), 'c.pth', '--examples', 'pictures', '--port', '8123']
    assert app.main(argv) == 0
    assert capsys.readouterr().out.startswith('http://127.0.0.1:1/ shows classifier')
    ((shown, examples, inside, port),) = pages
    assert (shown.description.task, port) == ('classification', 8123)
    assert [example.size for example in examples] == [(40, 30)]
    assert shown(np.zeros((30, 40, 3), np.uint8)).scores.sum() == pytest.approx(1)
    assert all(isinstance(make(), Figure) for make in inside.values())
    assert len(inside) == 2


MISTAKES = {
    'no file': (('absent.onnx',), 'the model absent.onnx does not exist'),
    'weights for a file': (('a.onnx', 'b.pth'), 'a.onnx holds its weights: leave out b.pth'),
    'a config alone': ((CONFIG,), 'is a config: name a checkpoint of its model after it'),
    'no checkpoint': ((CONFIG, 'absent.pth'), 'absent.pth does not exist'),
    'a port beyond all': (('a.onnx', '--port', 70000), 'from 1 to 65535, not 70000'),
    'no model': ((), 'the following arguments are required: config'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line(case, pages, capsys):
    pytest.importorskip('mmpretrain')
    argv, words = MISTAKES[case]
    assert app.main([str(word) for word in argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('app: error: ') and words in line
    assert not pages


def test_a_folder_without_examples_is_one_line(pages, capsys, folder):
    with pytest.raises(app.UserError, match='holds no file'):
        app._examples(folder)
    assert len(app._examples(None)) == app.EXAMPLES_SHOWN
