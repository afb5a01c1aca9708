"""A runner that trains adapters."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from heracles_mm.engine.load_report_hook import unwrapped
from heracles_mm.engine.lora import Adapters, LoRA, adapt


@RUNNERS.register_module()
class LoRARunner(Runner):
    """mmengine's Runner, which trains what the config's ``lora`` says and stores nothing else.

    ``lora`` holds the options of :class:`~heracles_mm.engine.lora.LoRA`. The adapters are there
    before the model is divided among processes and before the optimizer is built, so several
    processes, layer decay, averages (EMAHook) and ``resume`` are as in any run. A checkpoint holds
    the adapters, the parts trained in full, and buffers; it is tested and resumed by the same
    config, and refused beside another base.

    Raises:
        UserError, CheckpointError: as :func:`~heracles_mm.engine.lora.adapt`.
    """

    def build_model(self, model: Any) -> nn.Module:
        built = super().build_model(model)
        inner = unwrapped(built)
        if isinstance(inner, BaseModule):
            inner.init_weights()
        self.adapters = adapt(inner, LoRA.of(self.cfg))
        count = sum(p.numel() for p in inner.parameters() if p.requires_grad)
        everything = sum(p.numel() for p in inner.parameters())
        self.logger.info(f'LoRA: {count:,} of {everything:,} parameters are trained')
        return built

    def register_hooks(self, *args: Any, **options: Any) -> None:
        super().register_hooks(*args, **options)
        self.register_hook(_Complete(self.adapters))
        self.register_hook(_Strip(self.adapters))

    def _init_model_weights(self) -> None:
        """Nothing: done before the base was loaded, which it would overwrite."""


class _Complete(Hook):
    """Before all others, so that they see a whole checkpoint."""

    priority = 'HIGHEST'

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        self._adapters.complete(unwrapped(runner.model), checkpoint)


class _Strip(Hook):
    """After EMAHook, which exchanges the averaged weights and the others in whole checkpoints."""

    priority = 'LOWEST'

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        self._adapters.strip(checkpoint)
