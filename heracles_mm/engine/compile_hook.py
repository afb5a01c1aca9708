"""Compile the backbone, and nothing around it."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from heracles_mm.engine.load_report_hook import unwrapped
from heracles_mm.errors import UserError


@HOOKS.register_module()
class CompileHook(Hook):
    """``torch.compile`` of the model's backbone in place: names and checkpoints stay as they are.

    mmengine's ``compile = True`` takes in the whole training step, with heads that read sizes from
    data and with the optimizer, whose step torch 2.12 refuses to trace through mmengine's wrapper.

    Args:
        backend, dynamic: of ``torch.compile``; ``dynamic=True`` for pictures of many sizes.
    """

    def __init__(self, backend: str = 'inductor', dynamic: bool | None = None) -> None:
        self._options = dict(backend=backend, dynamic=dynamic)

    def before_train(self, runner: Runner) -> None:
        """Compilation itself happens at the first step.

        Raises:
            UserError: the model has no backbone.
        """
        backbone = getattr(unwrapped(runner.model), 'backbone', None)
        if backbone is None:
            raise UserError('CompileHook compiles model.backbone, which this model has not')
        backbone.compile(**self._options)
