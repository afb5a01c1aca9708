"""Models of the libraries' own configs, and ours, made small enough for a test."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from heracles_mm import config_path

sys.path.append(str(Path(__file__).parents[1] / 'configs'))

from batches import BATCHES
from one_run import AT_MOST

FEWER = {**AT_MOST, 'num_queries': 20, 'num_dn_queries': 4}
"""No operator of mmcv hangs on the number of layers, and all meet few proposals and queries."""


def read(name: str) -> Config:
    """Read one of our configs by name, or one of a library's as mmdet/folder/name."""
    library, _, rest = name.partition('/')
    if not rest:
        return Config.fromfile(config_path(name))
    folder = Path(find_spec(library).submodule_search_locations[0])
    return Config.fromfile(folder / '.mim' / 'configs' / f'{rest}.py')


def build(cfg: Config) -> nn.Module:
    """Build the model with random weights, everything that is counted at most as FEWER says."""
    DefaultScope.get_instance('toy', scope_name=cfg.default_scope)
    MMLogger.get_current_instance().setLevel('ERROR')  # init_weights tells of every parameter
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = _reduced(cfg.model.to_dict())
        if 'size' in model['data_preprocessor']:
            model['data_preprocessor'].update(size=(64, 64))
        model = MODELS.build(ConfigDict(model))
        model.init_weights()
    return model


def one_step(cfg: Config) -> dict:
    """Train one step and predict, with fixed random numbers: losses, gradients, predictions."""
    torch.manual_seed(0)
    model = build(cfg)
    batch = BATCHES[cfg.default_scope](2)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
        total, found = model.parse_losses(losses)
        total.backward()
        model.eval()
        with torch.no_grad():
            # One at a time: a masked convolution takes no more.
            batches = [BATCHES[cfg.default_scope](1) for _ in range(2)]
            predictions = [
                sample
                for batch in batches
                for sample in model(**model.data_preprocessor(batch), mode='predict')
            ]
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return dict(losses=found, gradients=gradients, predictions=predictions)


def _reduced(part):
    """Smaller counts, no pretrained weights, no synchronised norms."""
    if isinstance(part, (list, tuple)):
        return type(part)(map(_reduced, part))
    if not isinstance(part, dict):
        return part
    if part.get('type') == 'Pretrained':
        return None
    if part.get('type') == 'SyncBN':
        part = {**part, 'type': 'BN'}
    return {
        key: min(value, FEWER[key]) if key in FEWER and isinstance(value, int) else _reduced(value)
        for key, value in part.items()
        if key not in ('pretrained', 'batch_augments')  # such as a batch padded to 1024 px
    }
