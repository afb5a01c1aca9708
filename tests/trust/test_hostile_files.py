"""Wrong files are refused in one sentence with exit code 2, by every tool that reads them."""

import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hostile_files import BYTES, CONTENT, changed, saved
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import runner as mmengine_runner

from heracles_mm.checkpoints import CheckpointError, read_checkpoint
from heracles_mm.cli import publish_model, train
from heracles_mm.cli import test as test_tool

pytestmark = pytest.mark.trust

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / 'tests' / 'cli' / 'toy'
CONFIG = TOY / 'spectral_config.py'
sys.path.insert(0, str(TOY))
QUIET = ('--cfg-options', 'log_level=ERROR')
tried: Counter = Counter()


@pytest.fixture(scope='module', autouse=True)
def figures(trust_report):
    yield
    kinds = sorted({kind for kind, _ in tried})
    for kind in kinds:
        outcomes = [f'{tried[kind, o]} {o}' for k, o in sorted(tried) if k == kind]
        trust_report(f'files: {kind}: {", ".join(outcomes)}')


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """The last checkpoint of two steps of the toy with a tiny Heracles."""
    folder = tmp_path_factory.mktemp('good')
    before = os.getcwd()
    os.chdir(folder)
    try:
        assert train.main([str(CONFIG), '--work-dir', 'w', *QUIET]) == 0
    finally:
        os.chdir(before)
    return folder / 'w' / 'iter_2.pth'


@pytest.fixture(scope='module')
def content(good):
    return torch.load(good, weights_only=True)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mmengine_runner, 'collect_env', dict)  # seconds, and the next too
    monkeypatch.setattr(Config, 'pretty_text', '')
    MMLogger._instance_dict.clear()
    return tmp_path


@pytest.fixture
def refused(folder, capfd):
    """Give a file to a tool: it must say one sentence, and no traceback."""

    def give(data, kind, tool):
        (folder / 'x.pth').write_bytes(data)
        if tool is publish_model:
            argv = ['x.pth', 'out.pth']
        else:
            argv = [str(CONFIG), *(['--resume'] if tool is train else []), 'x.pth', *QUIET]
        capfd.readouterr()
        assert tool.main(argv) == 2
        said = capfd.readouterr().err
        lines = [line for line in said.splitlines() if line.startswith(f'{tool.NAME}: error: ')]
        assert len(lines) == 1, said
        assert 'Traceback' not in said
        assert not (folder / 'the_payload_ran').exists()
        tried[kind, f'refused by {tool.NAME}'] += 1
        return lines[0]

    return give


@pytest.mark.parametrize('tool', [train, publish_model], ids=['train', 'publish'])
@pytest.mark.parametrize('name', BYTES)
def test_a_file_of_wrong_bytes_is_refused(name, tool, good, refused):
    kind, change = BYTES[name]
    assert 'x.pth' in refused(change(good.read_bytes()), kind, tool)


@pytest.mark.parametrize('tool', [train, test_tool], ids=['resume', 'test'])
@pytest.mark.parametrize('name', CONTENT)
def test_a_file_of_wrong_content_is_refused(name, tool, content, refused):
    kind, change = CONTENT[name]
    refused(saved(changed(content, change)), kind, tool)


def test_the_good_file_is_taken(good, folder):
    """Else the tests above prove nothing."""
    (folder / 'x.pth').write_bytes(good.read_bytes())
    assert test_tool.main([str(CONFIG), 'x.pth', *QUIET]) == 0
    assert publish_model.main(['x.pth', 'out.pth']) == 0
    more = [*QUIET, 'train_cfg.max_iters=3']
    assert train.main([str(CONFIG), '--resume', 'x.pth', *more]) == 0


def test_no_flipped_bit_gives_other_weights(folder, trust_scale):
    """A flip is refused, or was where nothing is read from (padding, dates): the content is equal.
    torch.load alone takes about a tenth of them for weights."""
    state = {'weight': torch.randn(5, 7), 'bias': torch.zeros(3)}
    data = saved({'state_dict': state, 'meta': {'iter': 3}})
    chance = random.Random(0)
    for at in chance.sample(range(len(data) * 8), min(400 * trust_scale, len(data) * 8)):
        wrong = bytearray(data)
        wrong[at // 8] ^= 1 << at % 8
        (folder / 'x.pth').write_bytes(wrong)
        try:
            loaded = read_checkpoint('x.pth')
        except CheckpointError as error:
            assert '\n' not in str(error)
            tried['any single bit', 'refused'] += 1
        else:
            assert loaded['meta'] == {'iter': 3} and loaded['state_dict'].keys() == state.keys(), at
            assert all(torch.equal(loaded['state_dict'][key], state[key]) for key in state), at
            tried['any single bit', 'without effect'] += 1
