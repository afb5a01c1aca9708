"""How fresh weights are drawn."""

import math

from torch import nn


def init_weights(module: nn.Module) -> None:
    """Initialisation of upstream Heracles, for ``nn.Module.apply``: linear layers and convolutions.

    Norms, filters and kernels start as their modules make them.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
