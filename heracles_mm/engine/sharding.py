"""Sharded training (FSDP): every process keeps a part of the weights, gradients and moments."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine._strategy import FSDPStrategy
from mmengine.dist import is_main_process
from mmengine.optim import BaseOptimWrapper
from mmengine.registry import RUNNERS, STRATEGIES
from mmengine.runner import FlexibleRunner
from torch import nn
from torch.distributed.fsdp import (
    FullOptimStateDictConfig,
    FullStateDictConfig,
    FullyShardedDataParallel,
)
from torch.distributed.fsdp.wrap import ModuleWrapPolicy

from heracles_mm.checkpoints import AtomicLocalBackend
from heracles_mm.layers.block import Block


@RUNNERS.register_module()
class ShardedRunner(FlexibleRunner):
    """mmengine's FlexibleRunner, whose checkpoints say how far the run was, as its Runner's do.

    FlexibleRunner counts anew where CheckpointHook has counted: a checkpoint that is written again
    because it is the best then claims one epoch (or step) too many, which ``--resume`` would skip.
    """

    def save_checkpoint(self, *args: Any, meta: dict | None = None, **options: Any) -> None:
        self._counted = dict(meta or {})
        super().save_checkpoint(*args, meta=meta, **options)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        if fn_name == 'before_save_checkpoint':
            kwargs['checkpoint']['meta'].update(self._counted)
        super().call_hook(fn_name, **kwargs)


@STRATEGIES.register_module()
class ShardedStrategy(FSDPStrategy):
    """mmengine's FSDPStrategy, made to train as one process would and to save what it would.

    * Every block of a backbone is gathered and freed by itself, the rest of the model together.
    * ``paramwise_cfg`` sees parameters in their own shapes. mmengine shows it the shards, which are
      all one-dimensional, so that ``flat_decay_mult=0`` took the weight decay from every parameter.
    * Checkpoints are those of a single process, plain data, and appear whole or not at all.
    * They can be resumed under torch of today.
    * ``sync_bn`` is heeded.

    Args:
        model_wrapper: options of mmengine's ``MMFullyShardedDataParallel``.
        **options: of mmengine's ``FSDPStrategy``; ``state_dict_cfg`` defaults to ``'full'``.
    """

    def __init__(self, model_wrapper: dict | None = None, **options: Any) -> None:
        gpu = torch.cuda.is_available()
        wrapper = {
            'type': 'MMFullyShardedDataParallel',
            'auto_wrap_policy': ModuleWrapPolicy({Block}),
            **({} if gpu else {'device_id': 'cpu'}),
            **(model_wrapper or {}),
        }
        super().__init__(model_wrapper=wrapper, **{'state_dict_cfg': 'full', **options})
        if self._is_full_state_dict():
            # Every process sees all shapes, for the report of a load. Off-loading from a CPU to
            # itself would hand out memory that is freed a moment later.
            self.state_dict_config = FullStateDictConfig(offload_to_cpu=gpu)
            self.optim_state_dict_config = FullOptimStateDictConfig(offload_to_cpu=gpu)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        return super()._wrap_model(self.convert_model(model))

    def build_optim_wrapper(self, optim_wrapper: Any, model: nn.Module) -> BaseOptimWrapper:
        with FullyShardedDataParallel.summon_full_params(model, writeback=False):
            return super().build_optim_wrapper(optim_wrapper, model)

    def load_checkpoint(
        self, filename: str, *, callback: Callable | None = None, **options: Any
    ) -> dict:
        def with_whole_root(checkpoint: dict) -> None:
            """Hooks compare the checkpoint with the model; blocks are gathered when asked."""
            with FullyShardedDataParallel.summon_full_params(
                self.model, recurse=False, writeback=False
            ):
                if callback is not None:
                    callback(checkpoint)

        return super().load_checkpoint(filename, callback=with_whole_root, **options)

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """mmengine gives torch the arguments in the order of torch 2.0."""
        optimizer = self.optim_wrapper.optimizer
        own = FullyShardedDataParallel.optim_state_dict_to_load(self.model, optimizer, state_dict)
        self.optim_wrapper.load_state_dict(own)

    def save_checkpoint(self, filename: str, **options: Any) -> None:
        part = f'{filename}.part'
        super().save_checkpoint(part, **options)
        if is_main_process():
            AtomicLocalBackend.replace(part, filename)
