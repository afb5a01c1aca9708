"""The table of docs/recipes.md: what a step of fine-tuning keeps in memory, way by way.

Random weights and made pictures: memory does not depend on them. On a CPU torch's allocator is
read, on a GPU (--device cuda) CUDA's; --rows takes some of the rows.

    python benchmarks/finetuning_memory.py
    python benchmarks/finetuning_memory.py --config mask_rcnn_heracles_s_coco --side 512 --batch 1
"""

import argparse
import copy
import importlib.util
from dataclasses import replace
from pathlib import Path

import torch
from common import log, machine, options
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from heracles_mm import config_path
from heracles_mm.benchmark.resources import held_bytes, peak_bytes
from heracles_mm.engine.lora import LoRA, adapt
from heracles_mm.export.building import preprocessing

STRATEGY = Path(config_path('heracles_s_imagenet')).parent / '_base_/strategies/lora.py'
FULL = 'full'
ROWS: dict[str, dict] = {
    FULL: {},
    'full, Lion': dict(optimizer='Lion'),
    'full, AdamW8bit': dict(optimizer='AdamW8bit'),
    'full, with_cp': dict(with_cp=True),
    'frozen_stages=2': dict(frozen_stages=2),
    'frozen_stages=4': dict(frozen_stages=4),
    'LoRA': dict(lora=True),
    'LoRA, with_cp': dict(lora=True, with_cp=True),
}


def main() -> None:
    defaults = dict(config='heracles_s_flowers102', side=224, batch=8, device='cpu')
    args = options(__doc__, rows=list(ROWS), **defaults)
    print(f'{args.config}, {args.batch} of {args.side} px, {machine()}\n')
    print(
        '| way | trained parameters | of all | weights, MB | states, MB | peak, MB | stored, MB |'
    )
    print('|---|---|---|---|---|---|---|')
    for name in args.rows:
        way = ROWS[name]
        if '8bit' in way.get('optimizer', '') and not importlib.util.find_spec('bitsandbytes'):
            log(f'{name} needs bitsandbytes')
            continue
        log(name)
        print(line(name, way, args), flush=True)


def line(name: str, way: dict, args: argparse.Namespace) -> str:
    """One row of the table; a step after the first, whose gradients are made anew."""
    cfg = Config.fromfile(config_path(args.config))
    MMLogger.get_instance('finetuning_memory', log_level='ERROR')
    init_default_scope(cfg.default_scope)
    for key in {'with_cp', 'frozen_stages'} & way.keys():
        cfg.model.backbone[key] = way[key]
    if 'optimizer' in way:
        kept = {'lr': cfg.optim_wrapper.optimizer.lr, 'weight_decay': 0.05}
        cfg.optim_wrapper.optimizer = dict(type=way['optimizer'], **kept)
    torch.manual_seed(0)
    cfg.model.data_preprocessor = preprocessing(cfg)
    model = MODELS.build(cfg.model)
    frozen: frozenset[str] = frozenset()
    if way.get('lora'):
        parts = [part for part, _ in model.named_children() if part != 'backbone']
        trained = [part for part in parts if [*model.get_submodule(part).parameters()]]
        lora = LoRA(base='model', **Config.fromfile(STRATEGY).lora)
        frozen = adapt(model, replace(lora, base=None, trained=tuple(trained))).frozen
    model = model.to(args.device).train()
    batch = model.data_preprocessor(made(cfg.default_scope, args), training=True)
    optimizer = build_optim_wrapper(model, {'optimizer': cfg.optim_wrapper.optimizer}).optimizer

    def step() -> None:
        loss, _ = model.parse_losses(model(**copy.deepcopy(batch), mode='loss'))
        loss.backward()
        optimizer.step()

    step()
    optimizer.zero_grad()
    states = sum(
        value.nbytes
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
    held = held_bytes(model, batch['inputs']) + states
    peak = held + peak_bytes(step, torch.device(args.device))
    stored = states + sum(v.nbytes for k, v in model.state_dict().items() if k not in frozen)
    count, everything = parameters(model, trained=True), parameters(model, trained=False)
    sizes = (held - states - batch['inputs'].nbytes, states, peak, stored)
    cells = ' | '.join(f'{size / 1e6:,.1f}' for size in sizes)
    return f'| {name} | {count:,} | {count / everything:.1%} | {cells} |'


def parameters(model: nn.Module, trained: bool) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def made(scope: str, args: argparse.Namespace) -> dict:
    """A batch as the data sets of mmdet or mmpretrain give it."""
    if scope == 'mmdet':
        from mmdet.testing import demo_mm_inputs

        sides = [[3, args.side, args.side]] * args.batch
        objects = [3] * args.batch
        return demo_mm_inputs(args.batch, sides, num_classes=80, num_items=objects, with_mask=True)
    from mmpretrain.structures import DataSample

    pictures = torch.randint(256, (args.batch, 3, args.side, args.side), dtype=torch.uint8)
    samples = [DataSample().set_gt_label(number % 2) for number in range(args.batch)]
    return dict(inputs=pictures, data_samples=samples)


if __name__ == '__main__':
    main()
