"""Focal losses (arXiv 1708.02002), element by element: mmcv sums them and multiplies the gradients.

Inputs are (N, C), targets (N,) int64, weights of classes (C,) or empty. mmcv's CUDA kernels take
the logarithm of a rounded probability, which loses all digits at a logit of 17; here it is exact,
as in mmdet's own loss on a CPU. There is no such operator for the CPU in a compiled mmcv.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from heracles_mm.mmcv_ops.torchvision_ops import wide


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (N, C). A target outside 0..C-1 is background: no class is right."""
    logits = wide(input)
    right, wrong = logits.sigmoid(), (-logits).sigmoid()
    output.copy_(
        torch.where(
            _is_target(input, target),
            -alpha * wrong**gamma * F.logsigmoid(logits),
            -(1 - alpha) * right**gamma * F.logsigmoid(-logits),
        )
        * _of_target(weight, target, logits)[:, None]
    )


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative of each element."""
    logits = wide(input)
    right, wrong = logits.sigmoid(), (-logits).sigmoid()
    grad_input.copy_(
        torch.where(
            _is_target(input, target),
            alpha * wrong**gamma * (gamma * right * F.logsigmoid(logits) - wrong),
            (1 - alpha) * right**gamma * (right - gamma * wrong * F.logsigmoid(-logits)),
        )
        * _of_target(weight, target, logits)[:, None]
    )


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (N,) from probabilities ``input``; a target below 0 is ignored."""
    right = _right(input, target)
    loss = -alpha * (1 - right) ** gamma * _log(right) * _of_target(weight, target, right)
    output.copy_(torch.where(target >= 0, loss, 0))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative of each row, ``buff`` (N,) with a part."""
    right = _right(input, target)
    slope = gamma * (1 - right) ** (gamma - 1) * right * _log(right) - (1 - right) ** gamma
    slope = alpha * slope * _of_target(weight, target, right)
    buff.copy_(torch.where(target >= 0, slope, 0))
    grad_input.copy_(wide(buff)[:, None] * (_is_target(input, target).to(right) - wide(input)))


def _is_target(input: Tensor, target: Tensor) -> Tensor:
    return target[:, None] == torch.arange(input.shape[1], device=input.device)


def _of_target(weight: Tensor, target: Tensor, like: Tensor) -> Tensor:
    """The weight of each row's class, (N,); background, of which there is none, has 1."""
    if not weight.numel():
        return like.new_ones(len(target))
    return torch.cat([weight.to(like), like.new_ones(1)])[target]


def _right(probabilities: Tensor, target: Tensor) -> Tensor:
    return wide(probabilities).gather(1, target.clamp(min=0)[:, None])[:, 0]


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(min=torch.finfo(torch.float32).tiny).log()  # as mmcv's
