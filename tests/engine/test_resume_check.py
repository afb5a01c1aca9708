"""The state of every optimizer is taken up, and a damaged one is refused in a sentence."""

import copy
import inspect
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from heracles_mm.engine.resume_check import _optimizer_objections

OPTIMIZERS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)
)
OPTIONS = {'SGD': {'momentum': 0.9}, 'RMSprop': {'momentum': 0.9, 'centered': True}}
CANNOT_TRAIN_HERE = {
    'Optimizer': 'the base class',
    'LBFGS': "its step wants a closure, which mmengine's wrappers do not give",
    'SparseAdam': 'for sparse gradients alone',
}
TRAINED = [name for name in OPTIMIZERS if name not in CANNOT_TRAIN_HERE]


def trained(name, **options):
    """An optimizer after three steps, wrapped as by mmengine; two weights, no biases (Muon)."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Linear(5, 4, bias=False))
    settings = {'lr': 0.01, **OPTIONS.get(name, {}), **options}
    wrapper = OptimWrapper(getattr(torch.optim, name)(model.parameters(), **settings))
    for _ in range(3):
        wrapper.update_params(model(torch.randn(2, 6)).square().mean())
    return wrapper


def objections(wrapper, stored):
    """Of a run that resumes from ``stored``, which notes that every weight had a state."""
    runner = SimpleNamespace(optim_wrapper=wrapper, logger=SimpleNamespace(warning=print), cfg={})
    checkpoint = {'optimizer': stored, 'heracles_mm_run': {'optimizer_states': [0, 1]}}
    return list(_optimizer_objections(runner, checkpoint))


@pytest.mark.parametrize('name', TRAINED)
def test_every_optimizer_of_torch_is_taken_up(name):
    stored = trained(name).state_dict()
    assert stored['state'], 'else nothing is tried'
    assert objections(trained(name), copy.deepcopy(stored)) == []


def test_options_that_add_to_the_state_are_taken_up():
    for options in ({'amsgrad': True}, {'foreach': True}, {'maximize': True}):
        stored = trained('AdamW', **options).state_dict()
        assert objections(trained('AdamW', **options), stored) == []
    assert objections(trained('AdamW', amsgrad=True), trained('AdamW').state_dict())


DAMAGES = {
    'deleted': lambda state, key: state.pop(key),
    'None': lambda state, key: state.update({key: None}),
    'a text': lambda state, key: state.update({key: 'text'}),
    'NaN': lambda state, key: state.update({key: state[key] * float('nan')}),
    'complex': lambda state, key: state.update({key: state[key] * 1j}),
    'reshaped': lambda state, key: state.update({key: state[key][None]}),
}


@pytest.mark.parametrize('damage', DAMAGES)
@pytest.mark.parametrize('name', TRAINED)
def test_a_damaged_entry_of_any_state_is_named(name, damage):
    good = trained(name).state_dict()
    for key in good['state'][1]:
        if damage in ('NaN', 'complex', 'reshaped') and not torch.is_tensor(good['state'][1][key]):
            continue
        stored = copy.deepcopy(good)
        DAMAGES[damage](stored['state'][1], key)
        assert f'optimizer.state.1.{key}' in ' '.join(objections(trained(name), stored)), key


@pytest.mark.parametrize('wrong', [{}, {0: {}}, [1], None])
def test_a_state_that_is_gone_is_noticed(wrong):
    stored = trained('AdamW').state_dict()
    assert objections(trained('AdamW'), {**stored, 'state': wrong})


def test_the_count_of_older_versions_of_torch_is_taken_up():
    """torch < 1.12 kept it as an int."""
    stored = trained('AdamW').state_dict()
    for state in stored['state'].values():
        state['step'] = int(state['step'])
    assert objections(trained('AdamW'), stored) == []


class Foreign(torch.optim.Optimizer):
    """One of a user, which cannot make a step away from its own things."""

    def __init__(self, params, lr):
        super().__init__(params, {'lr': lr})
        self.own = 1.0

    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group['params']:
                self.state[weight]['mean'] = weight.grad * self.own


def test_an_unknown_optimizer_is_taken_up_and_looked_at_for_nan(monkeypatch):
    monkeypatch.setattr(torch.optim, 'Foreign', Foreign, raising=False)
    stored = trained('Foreign').state_dict()
    assert objections(trained('Foreign'), copy.deepcopy(stored)) == []
    stored['state'][0]['mean'][0] = float('nan')
    assert 'optimizer.state.0.mean' in objections(trained('Foreign'), stored)[0]
