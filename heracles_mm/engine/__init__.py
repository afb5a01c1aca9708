"""Hooks, checks and layer decay for mmengine's runner. Importing this registers them, and lets
mmengine read safetensors files and the weights that come with this package."""

from mmengine.runner.checkpoint import CheckpointLoader

import heracles_mm.engine.visualizers  # noqa: F401
from heracles_mm.checkpoints.reading import (
    load_from_safetensors,
    load_from_shards,
    load_shipped,
)
from heracles_mm.checkpoints.shipped import SCHEME
from heracles_mm.data_checks.check_data_hook import CheckDataHook
from heracles_mm.engine.cpu_amp import CpuAmpOptimWrapper
from heracles_mm.engine.eager_optimizer_hook import EagerOptimizerHook
from heracles_mm.engine.evaluate_first_hook import EvaluateFirstHook
from heracles_mm.engine.layer_decay import LayerDecayOptimWrapperConstructor
from heracles_mm.engine.load_report_hook import LoadReportHook
from heracles_mm.engine.lora_runner import LoRARunner
from heracles_mm.engine.plain_checkpoint_hook import PlainCheckpointHook
from heracles_mm.engine.rehearsal_hook import RehearsalHook
from heracles_mm.engine.sharding import ShardedRunner, ShardedStrategy

CheckpointLoader.register_scheme(
    [r'.*\.safetensors$', r'https?://.*\.safetensors$'], load_from_safetensors, force=True
)
CheckpointLoader.register_scheme(
    [r'.*\.safetensors\.index\.json$', r'https?://.*\.safetensors\.index\.json$'],
    load_from_shards,
    force=True,
)
CheckpointLoader.register_scheme(SCHEME, load_shipped, force=True)

__all__ = [
    'CheckDataHook',
    'CpuAmpOptimWrapper',
    'EagerOptimizerHook',
    'EvaluateFirstHook',
    'LayerDecayOptimWrapperConstructor',
    'LoRARunner',
    'LoadReportHook',
    'PlainCheckpointHook',
    'RehearsalHook',
    'ShardedRunner',
    'ShardedStrategy',
]
