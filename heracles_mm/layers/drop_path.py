"""Stochastic depth (Huang et al. 2016)."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, drop the whole residual branch of a sample with probability ``rate``.

    Kept branches are divided by 1 - ``rate``, so the expectation is unchanged. Any shape (B, ...).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        return f'rate={self.rate:.3f}'
