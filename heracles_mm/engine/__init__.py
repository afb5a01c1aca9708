"""Hooks, checks and layer decay for mmengine's runner. Importing this registers them, and lets
mmengine read safetensors files."""

import heracles_mm.checkpoints.safetensors_files  # noqa: F401
from heracles_mm.data_checks.segmentation_hook import CheckSegmentationHook
from heracles_mm.engine.evaluate_first_hook import EvaluateFirstHook
from heracles_mm.engine.layer_decay import LayerDecayOptimWrapperConstructor
from heracles_mm.engine.load_report_hook import LoadReportHook
from heracles_mm.engine.plain_checkpoint_hook import PlainCheckpointHook
from heracles_mm.engine.sharding import ShardedRunner, ShardedStrategy

__all__ = [
    'CheckSegmentationHook',
    'EvaluateFirstHook',
    'LayerDecayOptimWrapperConstructor',
    'LoadReportHook',
    'PlainCheckpointHook',
    'ShardedRunner',
    'ShardedStrategy',
]
