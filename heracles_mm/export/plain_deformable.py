"""Multi-scale deformable attention (arXiv 2010.04159) and the pixel decoder around it, for graphs.

mmcv and mmdet keep the sizes of maps in a tensor and ask Python for the numbers in it, which no
graph can answer. Here sizes are pairs of numbers, ``shapes``; the layers and weights are theirs,
and what is computed is the same.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shapes = Sequence[tuple[int, int]]  # height and width of each map


class PointAttention(nn.Module):
    """mmcv's MultiScaleDeformableAttention, batch first, without the dropout."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.heads, self.levels, self.points = layer.num_heads, layer.num_levels, layer.num_points
        self.sampling_offsets, self.attention_weights = (
            layer.sampling_offsets,
            layer.attention_weights,
        )
        self.value_proj, self.output_proj = layer.value_proj, layer.output_proj

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        query_pos: Tensor | None,
        key_padding_mask: Tensor | None,
        reference_points: Tensor,
        spatial_shapes: Shapes,
        **unused: Any,
    ) -> Tensor:
        """Queries (B, Q, C) and what they read of values (B, sum of H W, C).

        Args:
            key_padding_mask: (B, sum of H W) bool, true where there is nothing to read.
            reference_points: (B, Q, levels, 2 or 4), x and y, or boxes of a centre and sides.
            unused: what mmdet's layers hand to all kinds of attention.
        """
        from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

        x = query if query_pos is None else query + query_pos
        value = self.value_proj(value)
        if key_padding_mask is not None:
            value = value.masked_fill(key_padding_mask[..., None], 0.0)
        value = value.unflatten(-1, (self.heads, -1))
        offsets = self.sampling_offsets(x)
        offsets = offsets.unflatten(-1, (self.heads, self.levels, self.points, 2))
        weights = self.attention_weights(x).unflatten(-1, (self.heads, -1)).softmax(-1)
        weights = weights.unflatten(-1, (self.levels, self.points))
        centres = reference_points[:, :, None, :, None, :2]  # (B, Q, 1, levels, 1, 2)
        if reference_points.shape[-1] == 4:
            sides = reference_points[:, :, None, :, None, 2:]
            places = centres + offsets / self.points * sides * 0.5
        else:
            places = centres + torch.stack(
                [
                    torch.stack((each[..., 0] / width, each[..., 1] / height), -1)
                    for each, (height, width) in zip(offsets.unbind(3), spatial_shapes, strict=True)
                ],
                3,
            )
        found = multi_scale_deformable_attn_pytorch(value, spatial_shapes, places, weights)
        return self.output_proj(found) + query


class PixelDecoder(nn.Module):
    """mmdet's MSDeformAttnPixelDecoder of Mask2Former."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer: Any = layer

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """From maps (B, C, H, W), the largest first, to the features (B, C, H, W) of masks and
        maps for the decoder, the smallest first."""
        layer, count = self.layer, self.layer.num_encoder_levels
        maps = [convolution(x) for convolution, x in zip(layer.input_convs, reversed(feats))]
        shapes = [(x.shape[2], x.shape[3]) for x in maps]
        positions = [
            level[:, None, None] + layer.postional_encoding(None, input=x)
            for level, x in zip(layer.level_encoding.weight, maps)
        ]
        places = torch.cat([_centres(*shape) for shape in shapes]).to(maps[0])
        memory = layer.encoder(
            query=_as_rows(maps),
            query_pos=_as_rows(positions),
            key_padding_mask=None,
            spatial_shapes=shapes,
            level_start_index=None,
            valid_ratios=None,
            reference_points=places[None, :, None].expand(maps[0].shape[0], -1, count, -1),
        )
        parts = memory.transpose(1, 2).split([height * width for height, width in shapes], dim=-1)
        outs = [part.unflatten(-1, shape) for part, shape in zip(parts, shapes)]
        for index in reversed(range(layer.num_input_levels - count)):
            x = layer.lateral_convs[index](feats[index])
            x = x + F.interpolate(outs[-1], size=x.shape[2:], mode='bilinear', align_corners=False)
            outs.append(layer.output_convs[index](x))
        return layer.mask_feature(outs[-1]), outs[: layer.num_outs]


def _as_rows(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, C, H, W) as (B, sum of H W, C)."""
    return torch.cat([x.flatten(2) for x in maps], dim=2).transpose(1, 2)


def _centres(height: int, width: int) -> Tensor:
    """x and y of the cells of a map, 0 to 1: (H W, 2)."""
    y, x = ((torch.arange(side) + 0.5) / side for side in (height, width))
    rows, columns = torch.meshgrid(y, x, indexing='ij')
    return torch.stack((columns, rows), -1).flatten(0, 1)


IN_GRAPHS = {
    'MultiScaleDeformableAttention': PointAttention,
    'MSDeformAttnPixelDecoder': PixelDecoder,
}
"""Class of mmcv or mmdet -> what stands in for it."""
