"""benchmarks/ablations.py: every variant is a model that trains, and what its table says of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

pytest.importorskip('mmpretrain', reason='the variants are its classifiers')

# Scripts import their neighbours, the configs a module by its place below the root.
sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / 'benchmarks'))

from ablation_tables import QUESTIONS, VARIANTS, draw, sections

from benchmarks.ablated.backbones import NoPulse, NoSAGU
from heracles_mm.cli.get_flops import make_report
from heracles_mm.spectral import SASS

ROOT = Path(__file__).parents[1]


def config(name):
    family, changes = VARIANTS[name]
    cfg = Config.fromfile(ROOT / 'benchmarks' / 'ablated' / f'{family}_nano.py')
    for change in changes:
        key, value = change.split('=')
        cfg.merge_from_dict({key: int(value) if value.isdecimal() else value})
    return cfg


def build(name):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config(name).model)


@pytest.mark.parametrize('name', VARIANTS)
def test_a_variant_builds_and_trains_a_step(name):
    """Every parameter gets a gradient, so what was swapped in is used and nothing dead is left."""
    model = build(name)
    pictures = torch.randn(2, 3, 64, 64)
    before = [one.detach().clone() for one in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sum(model(pictures, [_sample(0), _sample(1)], mode='loss').values()).backward()
    unused = [key for key, one in model.named_parameters() if one.grad is None]
    assert not unused
    optimizer.step()
    assert any((one != old).any() for one, old in zip(model.parameters(), before))
    assert all(one.isfinite().all() for one in model.parameters())


def _sample(label):
    from mmpretrain.structures import DataSample

    return DataSample().set_gt_label(label)


def test_no_two_variants_are_one_function():
    """A change that a config option lost would else be measured as no difference."""
    pictures, found = torch.randn(1, 3, 64, 64), {}
    for name in VARIANTS:
        with torch.no_grad():
            found[name] = build(name).eval()(pictures)[0]
    keys = list(found)
    for i, one in enumerate(keys):
        assert not [other for other in keys[:i] if torch.equal(found[one], found[other])], one


@pytest.mark.parametrize('kernel', ['complex', 'real'])
def test_an_open_gate_is_what_a_removed_one_leaves(kernel):
    """SpectralPulseNet's sigmoid is 1 where its bias is large; SAGU's is 1/2 where W_2 is 0, so
    twice the identity as W_1 leaves Y."""

    whole, x = SASS(6, (5, 4), kernel=kernel), torch.randn(2, 5, 4, 6)
    with torch.no_grad():
        whole.pulse.gate.weight.zero_()
        whole.pulse.gate.bias.fill_(100)
        whole.sagu.w1.zero_()
        whole.sagu.w1[0] = 2 * torch.eye(6)
        whole.sagu.w2.zero_()
    reduced = SASS(6, (5, 4), kernel=kernel)
    reduced.load_state_dict(whole.state_dict())
    reduced.pulse, reduced.sagu = NoPulse(), NoSAGU()
    torch.testing.assert_close(reduced(x), whole(x))


def test_every_variant_answers_a_question():
    assert {name for rows in QUESTIONS.values() for name in rows} == set(VARIANTS)


def test_the_cost_of_a_variant_is_counted():
    """The mixer's convolution alone is less work than with a filter over as many channels."""
    work = {
        name: make_report(config(name), (64, 64), 'cpu')['total']
        for name in ('local', 'global', 'sequence')
    }
    assert work['local'] < work['global'] < work['sequence']


def test_what_has_its_file_is_left_out(tmp_path):
    write(tmp_path, 'hamsa', 70.0)
    script, args = ROOT / 'benchmarks' / 'ablations.py', ['--variants', 'hamsa', '--seeds', '0']
    command = [sys.executable, script, *args, '--results', tmp_path]
    assert subprocess.check_output(command, text=True) == ''


def write(folder, name, *scores):
    for seed, score in enumerate(scores):
        one = dict(variant=name, seed=seed, scores={'accuracy/top1': score}, seconds=60)
        one |= dict(parameters=2e6, multiply_adds=4e7)
        (folder / f'{name}_{seed}.json').write_text(json.dumps(one))


def test_the_table_says_what_exceeds_the_spread(tmp_path):
    assert not [*sections(tmp_path)]  # nothing has run
    write(tmp_path, 'heracles', 70.0, 71.0, 72.0)
    assert not [*sections(tmp_path)]  # nothing to compare with
    write(tmp_path, 'hartley_gate', 71.5, 72.5, 73.5)  # overlaps
    write(tmp_path, 'stages_4', 60.0, 61.0, 69.9)
    text = '\n'.join(sections(tmp_path))
    assert '| cosine | 71.0 (70.0 to 72.0) |  | 2.00M | 0.040 | 1 | 3 |' in text
    assert '| Hartley, gate | 72.5 (71.5 to 73.5) | +1.5 |' in text
    assert '| 4: no attention | 63.6 (60.0 to 69.9) | -7.4, exceeds the spread |' in text
    chance = 'where 0.2 would by chance if all were equals. Runs'  # 2 of the 20 orders, twice
    assert f'1 of 2 differences exceed the spread of the runs, {chance}' in text
    transform, stages = text.split('### ')[1:]
    assert transform.rstrip().endswith('No difference exceeds the spread of the runs.')
    assert 'Beyond the spread of the runs: 4: no attention.' in stages
    write(tmp_path, 'stages_1', 60.0)
    assert 'runs: 4: no attention. Runs are missing.' in '\n'.join(sections(tmp_path))
    assert 'second runs' not in text
    again = tmp_path / 'again'
    again.mkdir()
    write(again, 'stages_4', 62.5, 72.5)
    text = '\n'.join(sections(tmp_path))
    assert (
        ' 0 of 3 differences' in text and 'equals: nothing here speaks against the defaults' in text
    )
    assert '2 of them are second runs' in text and 'are up to 11.5 apart' in text
    assert '| 4: no attention | 65.2 (60.0 to 72.5) | -5.8 | 2.00M | 0.040 | 1 | 5 |' in text
    assert '(images/results_ablations.png)' in text
    draw(tmp_path, tmp_path)
    assert (tmp_path / 'results_ablations.png').read_bytes().startswith(b'\x89PNG')


def test_two_seeds_exceed_nothing(tmp_path):
    write(tmp_path, 'hamsa', 70.0, 70.1, 70.2)
    write(tmp_path, 'hamsa_real', 80.0, 80.1)
    text = '\n'.join(sections(tmp_path))
    assert ', exceeds' not in text and 'Runs are missing.' in text
    assert 'where 0.0 would by chance' in text
