"""Hooks and checks around mmengine's runner. Importing this registers the hooks."""

from heracles_mm.engine.evaluate_first_hook import EvaluateFirstHook
from heracles_mm.engine.plain_checkpoint_hook import PlainCheckpointHook

__all__ = ['EvaluateFirstHook', 'PlainCheckpointHook']
