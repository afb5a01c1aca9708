"""Whatever stands in a checkpoint or an option: a sentence, or what was asked for."""

import copy
import itertools
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import runner as mmengine_runner

from heracles_mm.cli import train

KILLS = Path(__file__).resolve().parent / 'kills'
sys.path.insert(0, str(KILLS))
pytestmark = pytest.mark.trust

TRAINED = ('weights', 'averages', 'optimizer', 'schedulers')
numbers = itertools.count()
tried: Counter = Counter()


@pytest.fixture(scope='module', autouse=True)
def figures(trust_report):
    yield
    for what in ('checkpoints', 'options'):
        outcomes = [f'{count} {o}' for (w, o), count in sorted(tried.items()) if w == what]
        trust_report(f'fuzz: {what}: {", ".join(outcomes)}')


@pytest.fixture(scope='module', autouse=True)
def _quick(tmp_path_factory):
    """Without what takes seconds and says nothing here; in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmengine_runner, 'collect_env', dict)
        patch.setattr(Config, 'pretty_text', '')
        patch.chdir(tmp_path_factory.mktemp('fuzz'))
        yield


def run(capfd, *argv):
    """Train in a folder of its own; the exit code, whether random numbers start anew, the diary."""
    name = f'fuzz_{next(numbers)}'
    MMLogger._instance_dict.clear()
    os.mkdir(name)
    options = [f'experiment_name={name}', f'custom_hooks.1.path={name}/diary', 'log_level=WARNING']
    options += ['custom_hooks.1.sleep=0']
    flags, own = argv[: argv.index('--cfg-options')], argv[argv.index('--cfg-options') + 1 :]
    capfd.readouterr()
    try:
        code = train.main(
            [
                str(KILLS / 'kills_config.py'),
                '--work-dir',
                name,
                *flags,
                '--cfg-options',
                *options,
                *own,
            ]
        )
    except Exception:  # of the libraries, whose errors keep their traceback
        code = 1
    out, said = capfd.readouterr()
    errors = [line for line in said.splitlines() if line.startswith('train: error: ')]
    assert code == 1 or len(errors) == (code == 2), said
    assert 'Traceback' not in said
    diary = Path(name, 'diary')
    lines = map(json.loads, diary.read_text().splitlines()) if diary.exists() else ()
    warned = 'holds no states of random numbers' in out + said
    return code, warned, {str(line.get('step', line.get('val', 'end'))): line for line in lines}


STEPS = ('--cfg-options', 'train_cfg.max_iters=5')


@pytest.fixture(scope='module')
def good(_quick):
    """The checkpoint of step 4, after which the fuzzed runs do the fifth."""
    config = [str(KILLS / 'kills_config.py'), '--work-dir', 'good', '--cfg-options']
    more = ['custom_hooks.1.path=good_diary', 'default_hooks.checkpoint.max_keep_ckpts=9']
    assert train.main([*config, *more, 'train_cfg.max_iters=5', 'log_level=ERROR']) == 0
    lines = map(json.loads, Path('good_diary').read_text().splitlines())
    diary = {str(line.get('step', line.get('val', 'end'))): line for line in lines}
    return torch.load('good/iter_4.pth', weights_only=True), diary


def places(value, path=()):
    """The path of each entry of nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, (dict, list)) and (*path, key)[-1] != 'python':
            yield from places(item, (*path, key))


WRONG = {
    'deleted': None,
    'None': lambda value: None,
    'a text': lambda value: 'text',
    'a list': lambda value: [value],
    'a dict': lambda value: {'a': value},
    'NaN': lambda value: value * float('nan'),
    'negative': lambda value: -1,
    'complex': lambda value: value * 1j,
    'reshaped': lambda value: value[None],
}


@pytest.mark.slow
def test_a_changed_checkpoint_is_refused_or_the_change_has_no_effect(good, capfd, trust_scale):
    """Entries are taken away or replaced by what cannot be meant; then the run must say so, or go
    on to the very numbers that it would have had: a silent success with others is a failure.
    Logs (message_hub) and texts about the run may be anything."""
    content, whole = good
    paths = [path for path in places(content) if path[0] != 'message_hub' or len(path) < 3]

    @settings(
        max_examples=35 * trust_scale,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=trust_scale == 1,
    )
    @given(st.sampled_from(paths), st.sampled_from(sorted(WRONG)))
    def try_one(path, wrong):
        changed = copy.deepcopy(content)
        parent = changed
        for key in path[:-1]:
            parent = parent[key]
        if wrong == 'deleted':
            del parent[path[-1]]
        else:
            try:
                parent[path[-1]] = WRONG[wrong](parent[path[-1]])
            except Exception:
                return  # such as a text multiplied by NaN
        torch.save(changed, 'changed.pth')
        code, warned, diary = run(capfd, '--resume', 'changed.pth', *STEPS)
        if code == 0 and not warned:
            assert diary['4'] == whole['4'], (path, wrong)
            for part in TRAINED:
                assert diary['end']['end'][part] == whole['end']['end'][part], (path, wrong, part)
        assert code != 1, (path, wrong)
        outcome = 'refused in a sentence' if code else 'warned' if warned else 'without effect'
        tried['checkpoints', outcome] += 1

    try_one()


@pytest.mark.slow
def test_a_changed_option_is_refused_or_runs(capfd, trust_scale):
    """In a sentence of ours with exit code 2, or with the traceback of a library and code 1."""
    cfg = Config.fromfile(KILLS / 'kills_config.py').to_dict()
    paths = [path for path in places(cfg) if path[0] not in ('custom_imports', 'custom_hooks')]
    values = ['None', '-1', '0', 'text', '[]', '"[1,text]"', '1e400', '0.5', 'True']

    @settings(
        max_examples=35 * trust_scale,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=trust_scale == 1,
    )
    @given(st.sampled_from(paths), st.sampled_from(values))
    def try_one(path, value):
        option = f'{".".join(map(str, path))}={value}'
        code, *_ = run(capfd, '--cfg-options', 'train_cfg.max_iters=2', option)
        tried['options', ('ran', 'a traceback', 'refused in a sentence')[code]] += 1

    try_one()
