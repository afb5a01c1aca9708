"""mmcv's compiled operators by torchvision's and plain torch, for an mmcv without `mmcv._ext`.

mmcv (2.1, mmcv-lite too) asks a module `mmcv._ext` for its C++ operators and wraps them in Python;
`extension` is that module where there is no compiled one. Signatures and buffers to write to are
mmcv's (`mmcv/ops/csrc/pytorch/pybind.cpp`), so all of `mmcv.ops` stays as it is.

| file | operators |
|---|---|
| `boxes` | nms, softnms, nms_match |
| `regions` | roi_align, roi_pool |
| `focal_losses` | sigmoid_focal_loss, softmax_focal_loss |
| `convolutions` | deform_conv, modulated_deform_conv, masked_im2col and masked_col2im, carafe |
| `attention` | ms_deform_attn, psamask |

16-bit tensors are computed in float32. Importing this package imports neither mmcv nor torchvision.
"""

import importlib.util
import pkgutil

from heracles_mm.mmcv_ops import finder  # noqa: F401

if not hasattr(pkgutil, 'find_loader'):
    # Python 3.14 took it away; mmengine 0.10.7 and mmcv 2.1.0 look for `mmcv._ext` by it.
    pkgutil.find_loader = importlib.util.find_spec  # type: ignore[assignment]
