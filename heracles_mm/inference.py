"""Models for inference alone: what does not change from picture to picture is computed once."""

import copy
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.backbones.pyramid import Pyramid
from heracles_mm.errors import UsageError
from heracles_mm.layers.embed import Stem
from heracles_mm.layers.hss import HSS
from heracles_mm.spectral import SpectralFilter
from heracles_mm.spectral.eager import AsMade, has_nothing_attached
from heracles_mm.spectral.fused_bins import Weights
from heracles_mm.spectral.grids import grids_seen
from heracles_mm.spectral.precision import at_least_float32
from heracles_mm.spectral.tables import CACHE

Model = TypeVar('Model', bound=nn.Module)
Grid = tuple[int, int]

CUDA_GRAPH = 'cuda-graph'
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@torch.no_grad()
def optimize_for_inference(
    model: Model,
    example: Tensor | None = None,
    dtype: torch.dtype | None = None,
    compile: bool | str = False,
) -> Model:
    """A copy of ``model`` that computes the same faster, and cannot be trained.

    The stem's BatchNorms become part of its convolutions. With an ``example`` the spectra of
    kernels, the joined weights of gates and the filters moved to the maps' grids are kept for maps
    of that size; pictures of another size take the ordinary way. With a ``dtype`` the weights are
    cast once, where autocast does so in every pass; FFTs and the transforms of filters stay in
    float32, and so do the products of spectra under float16 (docs/hamsa.md says why). In float32
    the maps are those of ``model`` to 1e-5.

    Only backbones of this package change, wherever they stand in ``model``: a detector, segmentor
    or classifier of the libraries, a model of timm's registry, or the backbone itself. Maps come in
    the dtype of the pictures, so heads notice nothing.

    Args:
        model: on any device; it stays as it is.
        example: pictures (B, C, H, W) as the backbone sees them, normalised and padded, on the
            model's device.
        dtype: float32 (as None), bfloat16 or float16.
        compile: True for torch.compile of the backbones, at the first call, or ``'cuda-graph'`` for
            a CUDA graph of the example's batch and size; other sizes then run as without.

    Raises:
        UsageError: no backbone of this package is in ``model``, or an argument is not one of these.
    """
    if dtype not in (None, *DTYPES):
        raise UsageError(f'dtype must be one of {[None, *DTYPES]}, got {dtype!r}')
    if compile not in (True, False, CUDA_GRAPH):
        raise UsageError(f'compile must be True, False or {CUDA_GRAPH!r}, got {compile!r}')
    if compile == CUDA_GRAPH and not (example is not None and example.is_cuda):
        raise UsageError(
            f'compile={CUDA_GRAPH!r} replays what was done on an example on a CUDA device: give one'
        )
    model = copy.deepcopy(model).eval()
    backbones = [module for module in model.modules() if isinstance(module, Pyramid)]
    if not backbones:
        raise UsageError(
            f'{type(model).__name__} has no Heracles or Hamsa in it, which alone are optimized'
        )
    for backbone in backbones:
        _optimize(backbone, example, dtype)
        if compile == CUDA_GRAPH and example is not None:
            backbone.forward = _Graphed(backbone.forward, example)  # type: ignore[method-assign]
        elif compile:
            backbone.compile()
    return model


def _optimize(backbone: Pyramid, example: Tensor | None, dtype: torch.dtype | None) -> None:
    plain = [m for m in backbone.modules() if isinstance(m, AsMade) and m.is_as_made()]
    fixed = _at_size(backbone, example, dtype) if example is not None else {}
    for module in backbone.modules():
        if isinstance(module, Stem):
            module.fold_norms()
    if dtype is not None:
        backbone.to(dtype)
        backbone.inference_dtype = dtype
        last = _NormOfAnyDtype(backbone.last_norm)  # which others call with maps of their dtype
        backbone.stages[-1].norm = last
    for name, module in fixed.items():
        backbone.set_submodule(name, module)
    for module in plain:
        module.made = repr(module)
    backbone.requires_grad_(False)
    backbone.for_inference = True


def _at_size(backbone: Pyramid, example: Tensor, dtype: torch.dtype | None) -> dict[str, nn.Module]:
    """What takes the place of the spectral layers, by name, for maps of the example's size."""
    kinds = {HSS: HSSAtSize, SpectralFilter: FilterAtSize}
    names = {layer: name for name, layer in backbone.named_modules() if type(layer) in kinds}
    layers = [layer for layer in names if _is_plain(layer)]
    return {
        names[layer]: kinds[type(layer)](layer, grid, dtype)
        for layer, grid in grids_seen(backbone, layers, example).items()
    }


def _is_plain(layer: nn.Module) -> bool:
    """Whether nothing stands in or on a layer that reading its weights would pass over, such as an
    adapter or a hook."""
    return layer.is_as_made() if isinstance(layer, AsMade) else has_nothing_attached(layer)


class HSSAtSize(nn.Module):
    """An :class:`~heracles_mm.layers.hss.HSS` that keeps what is made of its weights for maps of
    one grid; others go through the layer as it is."""

    def __init__(self, layer: HSS, grid: Grid, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.layer, self.grid = layer, grid
        x = at_least_float32(layer.uv.weight)
        products = dtype if dtype == torch.bfloat16 else x.dtype
        weights = layer.sass.weights(grid, x, products)
        for name, weight in weights._asdict().items():
            self.register_buffer(name, weight.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:3]) != self.grid:
            return self.layer(x)
        weights = Weights(*(getattr(self, name) for name in Weights._fields))
        return self.layer.channels_first(x, weights)


class FilterAtSize(nn.Module):
    """A :class:`~heracles_mm.spectral.SpectralFilter` that keeps its weight for maps (B, H, W, C)
    of one grid; others go through the layer as it is."""

    weight: Tensor

    def __init__(self, layer: SpectralFilter, grid: Grid, _: torch.dtype | None) -> None:
        super().__init__()
        self.layer, self.grid = layer, grid
        weight = layer.weight_on(grid, layer.weight).permute(1, 2, 0)  # (H, W, C)
        self.register_buffer('weight', weight.contiguous(), persistent=False)

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        assert channels_last, 'the mixers filter maps (B, H, W, C)'
        if tuple(x.shape[1:3]) != self.grid:
            return self.layer(x, channels_last)
        return self.layer.filtered(x, self.weight, (-3, -2))


class _NormOfAnyDtype(nn.LayerNorm):
    """A LayerNorm in the dtype of its input, whatever its weights are in."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__(norm.normalized_shape, norm.eps, device='meta')
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


class _Graphed:
    """A forward pass that a CUDA graph replays for pictures of the example's shape and dtype."""

    WARM_UPS = 3

    def __init__(self, forward: Any, example: Tensor) -> None:
        self.forward, self.x = forward, example.clone()
        with torch.cuda.device(example.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # libraries choose their algorithms before the capture
                for _ in range(self.WARM_UPS):
                    forward(self.x)
            torch.cuda.current_stream().wait_stream(stream)
            self.tables = CACHE.tensors()  # a replay reads them, whatever the cache still holds
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.maps = forward(self.x)

    def __call__(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        if options or (x.shape, x.dtype, x.device) != (self.x.shape, self.x.dtype, self.x.device):
            return self.forward(x, **options)
        self.x.copy_(x)
        self.graph.replay()
        return tuple(each.clone() for each in self.maps)
