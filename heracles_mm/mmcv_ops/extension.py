"""The module that stands in for `mmcv._ext`."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from heracles_mm.mmcv_ops.boxes import nms, nms_match, softnms
from heracles_mm.mmcv_ops.convolutions import (
    carafe_backward,
    carafe_forward,
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
    masked_col2im_forward,
    masked_im2col_forward,
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from heracles_mm.mmcv_ops.focal_losses import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from heracles_mm.mmcv_ops.point_attention import (
    ms_deform_attn_backward,
    ms_deform_attn_forward,
    psamask_backward,
    psamask_forward,
)
from heracles_mm.mmcv_ops.regions import (
    roi_align_backward,
    roi_align_forward,
    roi_pool_backward,
    roi_pool_forward,
)

__all__ = [
    'carafe_backward',
    'carafe_forward',
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'get_compiler_version',
    'get_compiling_cuda_version',
    'masked_col2im_forward',
    'masked_im2col_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'nms_match',
    'psamask_backward',
    'psamask_forward',
    'roi_align_backward',
    'roi_align_forward',
    'roi_pool_backward',
    'roi_pool_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
    'softnms',
]


def get_compiler_version() -> str:
    return "none: torchvision's operators, by heracles_mm"


def get_compiling_cuda_version() -> str:
    return 'not available'


def __getattr__(name: str) -> Callable[..., Any]:
    """Any other operator: mmcv asks for all when it is imported, so they fail when called."""
    if name.startswith('_'):
        raise AttributeError(name)

    def missing(*arguments: Any, **options: Any) -> NoReturn:
        caller = sys._getframe(1).f_globals.get('__name__')
        raise NotImplementedError(
            f"{caller} needs mmcv's operator {name}, which only a compiled mmcv has (Python up to "
            '3.12, torch below 2.14): docs/install.md of the repository, "Compiling mmcv", says how'
        )

    return missing
