"""DINO and Mask2Former of mmdet as functions of tensors: a fixed number of queries, each an object.

Both run in the copies that :func:`~heracles_mm.export.freeze.freeze` makes, whose attention takes
the sizes of maps as pairs of numbers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heracles_mm.errors import UserError
from heracles_mm.export.detectors import Detections, clipped, sample
from heracles_mm.runtime import Detections as Objects
from heracles_mm.runtime.geometry import Geometry


class BoxQueries(Detections):
    """A DINO from a picture to what it finds.

    Shapes: as :class:`~heracles_mm.export.detectors.OneStageDetections`.
    """

    def test_cfgs(self) -> list[Any]:
        return [self.detector.bbox_head.test_cfg]

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        from mmdet.structures.bbox import bbox_cxcywh_to_xyxy

        detector, head = self.detector, self.detector.bbox_head
        maps = detector.extract_feat(image)
        shapes = [(x.shape[2], x.shape[3]) for x in maps]
        paddings = [padding(image.shape[2:], shape, size) for shape in shapes]
        positions = [
            detector.positional_encoding(each).flatten(2).transpose(1, 2) + level
            for each, level in zip(paddings, detector.level_embed)
        ]
        mask = torch.cat([each.flatten(1) for each in paddings], 1)
        ratios = torch.stack([detector.get_valid_ratio(each) for each in paddings], 1)
        places = dict(spatial_shapes=shapes, level_start_index=None, valid_ratios=ratios)
        memory = detector.encoder(
            query=torch.cat([x.flatten(2).transpose(1, 2) for x in maps], 1),
            query_pos=torch.cat(positions, 1),
            key_padding_mask=mask,
            **places,
        )
        queries, _ = detector.pre_decoder(memory, mask, shapes)
        states = detector.forward_decoder(**queries, memory_mask=mask, **places)
        logits, boxes = (layers[-1][0] for layers in head(**states))
        most = self.cuts()[1]
        scores, rows, labels = _best(logits.sigmoid(), most)
        boxes = bbox_cxcywh_to_xyxy(boxes[rows]) * size.flip(0).repeat(2)
        return clipped(boxes, size), scores, labels

    def own(self, image: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        (found,) = self.detector.predict(image, [sample(image, size)], rescale=False)
        found = found.pred_instances
        return found.bboxes, found.scores, found.labels


class MaskQueries(Detections):
    """A Mask2Former from a picture to its instances.

    Shapes: image (1, C, H, W) and size (2,) as of other detectors; to class scores (N,), labels
    (N,) int64 and mask logits (N, H / 4, W / 4) over the whole image, padding too. mmdet's boxes
    and scores follow from the masks at the size of the picture, of which there would be N here:
    :mod:`~heracles_mm.runtime.whole_masks` makes them one at a time.
    """

    outputs = ('class_scores', 'labels', 'mask_logits')
    found = ('boxes', 'scores', 'labels', 'masks')

    def __init__(self, detector: nn.Module) -> None:
        super().__init__(detector)
        cfg = self.detector.test_cfg
        if cfg.get('panoptic_on', True) or not cfg.get('instance_on', False):
            raise UserError(
                'of a Mask2Former only its instances can be exported whole: give --cfg-options '
                'model.test_cfg.panoptic_on=False model.test_cfg.instance_on=True'
            )

    def test_cfgs(self) -> list[Any]:
        return [self.detector.test_cfg]

    def cuts(self) -> tuple[float, int]:
        return 0.0, self.detector.test_cfg.get('max_per_image', 100)

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        logits, masks = self.detector.panoptic_head(self.detector.extract_feat(image), None)
        return self._instances(logits[-1][0], masks[-1][0])

    def _instances(self, logits: Tensor, masks: Tensor) -> tuple[Tensor, ...]:
        """Of queries' class logits (Q, K + 1) and mask logits (Q, h, w)."""
        scores, rows, labels = _best(logits.softmax(-1)[:, :-1], self.cuts()[1], sorted=False)
        things = labels < self.detector.panoptic_fusion_head.num_things_classes
        return scores[things], labels[things], masks[rows[things]]

    def read(
        self, outputs: Sequence[Tensor], whole: tuple[int, int], size: tuple[int, int]
    ) -> tuple[Tensor, ...]:
        where = Geometry(size, size, (0, 0, *size), whole)
        named = dict(zip(self.outputs, (each.numpy() for each in outputs), strict=True))
        found = Objects.of_masks(named, (), where)
        assert found.shares is not None
        parts = found.boxes, found.scores, found.labels, found.shares
        boxes, scores, labels, shares = map(torch.from_numpy, parts)
        return boxes, scores, labels, shares.sigmoid()

    def own(self, image: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        logits: list[Tensor] = []
        head = self.detector.panoptic_head
        hook = head.register_forward_hook(lambda *call: logits.extend(each[-1] for each in call[2]))
        (found,) = self.detector.predict(image, [sample(image, size)], rescale=False)
        hook.remove()
        found = found.pred_instances
        # mmdet does not say what the masks were before the threshold, nor whose: as it took them.
        masks = self._instances(logits[0][0], logits[1][0])[2]
        order = found.scores.argsort(descending=True, stable=True)
        parts = found.bboxes, found.scores, found.labels, masks.sigmoid()
        boxes, scores, labels, shares = (part[order] for part in parts)
        return boxes, scores, labels, shares


QUERIES = {'DINO': BoxQueries, 'Mask2Former': MaskQueries}
"""Class of mmdet -> what is exported in its place."""


def _best(scores: Tensor, most: int, sorted: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """The ``most`` best scores of queries and classes (Q, K), the queries and the labels."""
    values, index = scores.flatten().topk(most, sorted=sorted)
    return values, index // scores.shape[1], index % scores.shape[1]


def padding(whole: Sequence[int], shape: tuple[int, int], size: Tensor) -> Tensor:
    """Which cells of a map (1, h, w) of an image are padding, by the pixels that torch's nearest
    neighbours are, as mmdet shrinks a mask of the image."""
    rows, columns = (
        torch.tensor((np.arange(n, dtype=np.float32) * np.float32(m / n)).astype(int).tolist())
        for m, n in zip(whole, shape)
    )
    return ((rows >= size[0])[:, None] | (columns >= size[1]))[None]
