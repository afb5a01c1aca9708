"""Upstream Heracles as a dictionary of weights and a function of it, written from the paper's
formulas and upstream's key names, with nothing of this package in it."""

import math

import torch
import torch.nn.functional as F
from scipy.fft import dctn, idctn
from torch import Tensor

SIZES = {  # stem width, embed_dims, depths, mlp_ratios
    's': (32, (64, 128, 320, 448), (3, 4, 6, 3), (8, 8, 4, 4)),
    'b': (64, (64, 128, 320, 512), (3, 4, 12, 3), (8, 8, 4, 4)),
    'l': (64, (96, 192, 384, 512), (3, 6, 18, 3), (8, 8, 4, 4)),
    'tiny': (8, (32, 32, 64, 64), (1, 2, 1, 1), (2, 2, 2, 2)),
}
Weights = dict[str, Tensor]


def upstream_weights(
    size: str, alpha: int, img_size: int = 64, classes: int = 0, dense_classes: int = 0
) -> Weights:
    """Random weights under upstream's names; float64 but for the counters."""
    stem, dims, depths, ratios = SIZES[size]
    made: Weights = {}

    def add(name: str, *shape: int, scale: float | None = None) -> None:
        fan_in = math.prod(shape[1:])
        made[name] = torch.randn(shape, dtype=torch.float64) * (scale or fan_in**-0.5)

    def pair(name: str, *shape: int) -> None:
        add(f'{name}.weight', *shape)
        add(f'{name}.bias', shape[0], scale=0.1)

    def attention(name: str, dim: int) -> None:
        pair(f'{name}.q', dim, dim)
        pair(f'{name}.kv', 2 * dim, dim)
        pair(f'{name}.proj', dim, dim)

    for number, (inputs, kernel) in enumerate([(3, 7), (stem, 3), (stem, 3)]):
        add(f'patch_embed1.conv.{3 * number}.weight', stem, inputs, kernel, kernel)
        norm = f'patch_embed1.conv.{3 * number + 1}'
        pair(norm, stem)
        add(f'{norm}.running_mean', stem)
        add(f'{norm}.running_var', stem)
        made[f'{norm}.running_var'].abs_().add_(0.5)
        made[f'{norm}.num_batches_tracked'] = torch.tensor(7)
    for stage, (dim, depth, ratio) in enumerate(zip(dims, depths, ratios)):
        number, side = stage + 1, img_size // (4 * 2**stage)
        pair(f'patch_embed{number}.proj', dim, dims[stage - 1] if stage else stem, 3, 3)
        pair(f'patch_embed{number}.norm', dim)
        for block in (f'block{number}.{index}' for index in range(depth)):
            pair(f'{block}.norm1', dim)
            pair(f'{block}.norm2', dim)
            if stage < alpha:
                add(f'{block}.attn.weight', dim // 2, side, side, scale=1.0)
                pair(f'{block}.attn.local_ssm.conv', dim // 2, 1, 3, 3)
            else:
                attention(f'{block}.attn', dim)
            pair(f'{block}.mlp.fc1', dim * ratio, dim)
            pair(f'{block}.mlp.dwconv.dwconv', dim * ratio, 1, 3, 3)
            pair(f'{block}.mlp.fc2', dim, dim * ratio)
        pair(f'norm{number}', dim)
    if classes:
        pair('post_network.0.norm1', dim)
        pair('post_network.0.norm2', dim)
        attention('post_network.0.attn', dim)
        pair('post_network.0.mlp.fc1', 4 * dim, dim)
        pair('post_network.0.mlp.fc2', dim, 4 * dim)
        pair('head', classes, dim)
    if dense_classes:
        pair('aux_head', dense_classes, dim)
    return made


def upstream_maps(weights: Weights, pictures: Tensor, alpha: int) -> list[Tensor]:
    """The four maps (B, C, H / s, W / s) of pictures (B, 3, H, W) at the size of the filters."""

    def under(name: str) -> tuple[Tensor, Tensor]:
        return weights[f'{name}.weight'], weights[f'{name}.bias']

    def layer_norm(x: Tensor, name: str, eps: float) -> Tensor:
        scale, shift = under(name)
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * scale + shift

    def linear(x: Tensor, name: str) -> Tensor:
        weight, bias = under(name)
        return x @ weight.T + bias

    def conv(x: Tensor, name: str, **options: int) -> Tensor:
        """On (B, H, W, C), zero-padded to keep the size."""
        weight, bias = under(name)
        x = F.conv2d(x.movedim(-1, 1), weight, bias, padding=weight.shape[-1] // 2, **options)
        return x.movedim(1, -1)

    def spectral(x: Tensor, name: str) -> Tensor:
        local, spectral_ = x.split(x.shape[-1] // 2, dim=-1)
        local = conv(local, f'{name}.local_ssm.conv', groups=local.shape[-1])
        spectrum = dctn(spectral_.numpy(), axes=(1, 2), norm='ortho')
        spectrum = spectrum * weights[f'{name}.weight'].movedim(0, -1).numpy()
        filtered = torch.from_numpy(idctn(spectrum, axes=(1, 2), norm='ortho'))
        mixed = torch.empty_like(x)
        mixed[..., 0::2], mixed[..., 1::2] = local, filtered
        return mixed

    def attention(x: Tensor, name: str) -> Tensor:
        tokens = x.flatten(1, 2)
        q, keys_values = linear(tokens, f'{name}.q'), linear(tokens, f'{name}.kv')
        k, v = keys_values.split(x.shape[-1], dim=-1)
        heads = []
        for start in range(0, x.shape[-1], 32):
            head = slice(start, start + 32)
            scores = q[..., head] @ k[..., head].mT / 32**0.5
            heads.append(scores.softmax(-1) @ v[..., head])
        return linear(torch.cat(heads, -1), f'{name}.proj').reshape(x.shape)

    def block(x: Tensor, name: str, mixer) -> Tensor:
        x = x + mixer(layer_norm(x, f'{name}.norm1', 1e-6), f'{name}.attn')
        hidden = linear(layer_norm(x, f'{name}.norm2', 1e-6), f'{name}.mlp.fc1')
        hidden = conv(hidden, f'{name}.mlp.dwconv.dwconv', groups=hidden.shape[-1])
        hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
        return x + linear(hidden, f'{name}.mlp.fc2')

    x = pictures
    for index, stride in ((0, 2), (3, 1), (6, 1)):
        kernel, norm = (
            weights[f'patch_embed1.conv.{index}.weight'],
            f'patch_embed1.conv.{index + 1}',
        )
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2).movedim(1, -1)
        mean, variance = weights[f'{norm}.running_mean'], weights[f'{norm}.running_var']
        scale, shift = under(norm)
        x = ((x - mean) / (variance + 1e-5).sqrt() * scale + shift).relu().movedim(-1, 1)
    x, maps = x.movedim(1, -1), []
    for number in (1, 2, 3, 4):
        x = conv(x, f'patch_embed{number}.proj', stride=2)
        x = layer_norm(x, f'patch_embed{number}.norm', 1e-5)
        index = 0
        while f'block{number}.{index}.norm1.weight' in weights:
            x = block(x, f'block{number}.{index}', spectral if number <= alpha else attention)
            index += 1
        x = layer_norm(x, f'norm{number}', 1e-6)
        maps.append(x.movedim(-1, 1))
    return maps
