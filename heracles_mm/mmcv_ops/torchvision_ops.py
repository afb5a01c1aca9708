"""torchvision's operators, one sentence where they are not there, and what mmcv does to numbers."""

import struct
from typing import Any

import torch
from torch import Tensor

try:
    import torchvision
except ModuleNotFoundError as error:  # who probes for mmcv's operators takes this as their absence
    raise ModuleNotFoundError(
        f"mmcv's operators need torchvision ({error}): pip install "
        f'torch=={torch.__version__.partition("+")[0]} torchvision, from the index of this torch',
        name=error.name,
    ) from None
except Exception as error:  # 'operator torchvision::nms does not exist', a library that is missing
    raise ImportError(
        f"mmcv's operators need a torchvision that fits torch {torch.__version__}, and the one "
        f'here does not load ({error}): python -m heracles_mm.cli.doctor says how to mend it'
    ) from error


def call(name: str, *arguments: Any) -> Any:
    """Return what `torch.ops.torchvision.<name>` returns.

    Raises:
        NotImplementedError: torchvision was built without the device of the tensors.
    """
    try:
        return getattr(torch.ops.torchvision, name)(*arguments)
    except NotImplementedError as error:
        if 'Could not run' not in str(error):  # a dtype, say, which torch's own words name
            raise
        device = next(each.device.type for each in arguments if isinstance(each, Tensor))
        raise NotImplementedError(
            f'torchvision {torchvision.__version__} has no {name} for {device} tensors: install '
            f'the torchvision that belongs to torch {torch.__version__}, from the same index'
        ) from error


def wide(tensor: Tensor) -> Tensor:
    """Return a 16-bit tensor as float32, as torchvision does under autocast; others as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def float32(value: float) -> float:
    """Round as mmcv's C++ does: its thresholds and scales are float32, whatever tensors are."""
    return struct.unpack('f', struct.pack('f', value))[0]


float32._dynamo_marked_constant = True  # type: ignore[attr-defined]  # for torch.compile
