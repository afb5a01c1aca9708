"""Training killed with SIGKILL again and again ends as if nothing had happened."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import with_path

pytestmark = [pytest.mark.trust, pytest.mark.slow]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NANO = [
    'model.type=DroppingNano',
    'train_dataloader.batch_size=2',
    'val_dataloader.dataset.indices=4',
    'train_cfg.max_iters=6',
]
CASES = {
    'by iteration': dict(config='kills_config.py', kills=9),
    'by epoch': dict(config='kills_config_epochs.py', kills=7),
    'without a seed': dict(config='kills_config.py', kills=2, unseeded=True)
    | dict(options=['randomness.seed=None']),
    'Heracles nano': dict(
        config='kills_config.py', kills=2, options=['model.kind=Heracles', *NANO]
    ),
    'Hamsa nano': dict(config='kills_config.py', kills=2, options=['model.kind=Hamsa', *NANO]),
}
if importlib.util.find_spec('mmdet') and importlib.util.find_spec('mmpretrain'):
    CASES['every kind of hook'] = dict(config='kills_config_hooks.py', kills=6)
LARGE = ('Hamsa nano',)
"""Only with --trust-scale 2 and more."""

CONTROLS = {'control': dict(config='kills_config.py', kills=3, prepare=['forgetful'])}
if 'every kind of hook' in CASES:
    options = dict(config='kills_config_hooks.py', kills=3, prepare=['forgets_hooks'])
    CONTROLS['control of the hooks'] = options


@pytest.fixture(scope='module')
def outcome(tmp_path_factory, trust_scale):
    """All cases in one process, whose children inherit what it has imported."""
    folder = tmp_path_factory.mktemp('kills')
    cases = {
        name: {'options': [], **case, 'kills': case['kills'] * trust_scale}
        for name, case in CASES.items()
        if trust_scale > 1 or name not in LARGE
    }
    cases |= {name: {'options': [], **case} for name, case in CONTROLS.items()}
    (folder / 'cases.json').write_text(json.dumps(cases))
    done = subprocess.run(
        [sys.executable, HERE / 'kills' / 'killer.py', folder / 'cases.json', folder, '0'],
        env={**os.environ, 'PYTHONPATH': with_path(ROOT, HERE / 'kills'), 'OMP_NUM_THREADS': '1'},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize('case', CASES)
def test_a_killed_run_has_the_losses_validations_and_end_of_an_uninterrupted_one(case, outcome):
    """Bit by bit: each step's loss, data and rate, each validation, and at the end the weights,
    averages, optimizer, schedulers, log and best checkpoint."""
    if case not in outcome:
        pytest.skip('runs with --trust-scale 2')
    assert outcome[case]['wrong'] == []
    assert outcome[case]['kills'] >= CASES[case]['kills']


@pytest.mark.parametrize('control', CONTROLS)
def test_the_comparison_would_see_what_starts_anew(control, outcome):
    """Else the test above proves nothing."""
    assert outcome[control]['wrong']


def test_kills_hit_the_writing_of_checkpoints_too(outcome, trust_report):
    cases = [outcome[name] for name in CASES if name in outcome]
    kills = sum(case['kills'] for case in cases)
    places = {place: sum(case['where'][place] for case in cases) for place in cases[0]['where']}
    assert kills >= 20
    assert places['while writing'] > 0
    assert kills - places['elsewhere'] >= 5
    runs = sum(case['runs'] for case in cases)
    where = ', '.join(f'{count} {place}' for place, count in places.items())
    wrong = sum(len(case['wrong']) for case in cases)
    trust_report(f'kills: {kills} in {runs} runs, {wrong} lost or with another loss ({where})')
