"""Whole detectors of mmdet as functions of tensors: what they find in one picture.

mmdet's own prediction asks Python how many boxes are left after each step, which no graph can. The
same steps stand here without such questions, so that the number of boxes stays open in a file. The
networks, priors and box coders are mmdet's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from heracles_mm.errors import UserError

ONE_STAGE_HEADS = ('RetinaHead', 'GFLHead', 'ATSSHead')
PARTS = {  # of a two-stage detector -> what they may be
    'rpn_head': ('RPNHead',),
    'roi_head': ('StandardRoIHead', 'CascadeRoIHead'),
    'roi_head.bbox_roi_extractor': ('SingleRoIExtractor',),
    'roi_head.bbox_head': (
        'BBoxHead',
        'ConvFCBBoxHead',
        'Shared2FCBBoxHead',
        'Shared4Conv1FCBBoxHead',
    ),
    'roi_head.mask_roi_extractor': ('SingleRoIExtractor', 'NoneType'),
    'roi_head.mask_head': ('FCNMaskHead', 'NoneType'),
}


class Found(NamedTuple):
    """Boxes (N, 4), x1, y1, x2, y2 in px of the input, their scores (N,) and labels (N,)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def at(self, rows: Tensor | slice) -> 'Found':
        """Those of some rows."""
        return Found(*(part[rows] for part in self))


def detections(detector: nn.Module) -> 'Detections':
    """The module that is exported in place of a detector.

    Raises:
        UserError: it has a part that is not rewritten here, or another suppression than plain NMS.
    """
    two_stage = hasattr(detector, 'roi_head')
    parts = PARTS if two_stage else {'bbox_head': ONE_STAGE_HEADS}
    for name, allowed in parts.items():
        for part in _modules(detector, name):
            if type(part).__name__ not in allowed:
                raise UserError(
                    f'a {type(detector).__name__} with the {name} {type(part).__name__} cannot be '
                    f'exported whole, only with {" or ".join(allowed)}: give --what backbone for '
                    "this model's feature maps"
                )
    found = (TwoStageDetections if two_stage else OneStageDetections)(detector)
    for cfg in found.test_cfgs():
        if (kind := cfg.nms.get('type', 'nms')) != 'nms' or cfg.nms.get('class_agnostic'):
            raise UserError(
                f'the model suppresses boxes by {dict(cfg.nms)}, and only type nms of each class '
                f'can be exported: change nms in test_cfg (it has {kind})'
            )
    return found


def _modules(detector: nn.Module, name: str) -> Sequence[Any]:
    """The part of a dotted name, or those of its stages."""
    part: Any = detector
    for word in name.split('.'):
        part = getattr(part, word, None)
    return list(part) if isinstance(part, nn.ModuleList) else [part]


class Detections(nn.Module, ABC):
    """What is exported of a detector, and the detector itself."""

    outputs: tuple[str, ...] = ('boxes', 'scores', 'labels')
    found: tuple[str, ...] = ()
    """Names of what follows from the outputs, where these are not that themselves."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector: Any = detector

    @abstractmethod
    def test_cfgs(self) -> list[Any]:
        """Of each step that suppresses boxes."""

    @abstractmethod
    def own(self, image: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        """What mmdet itself finds in a picture (1, C, H, W) of which ``size`` is not padding."""

    def cuts(self) -> tuple[float, int]:
        """The least score of a detection, and how many there may be."""
        cfg = self.test_cfgs()[-1]
        return cfg.get('score_thr', 0.0), cfg.max_per_img

    def read(
        self, outputs: Sequence[Tensor], whole: tuple[int, int], size: tuple[int, int]
    ) -> Sequence[Tensor]:
        """What ``own`` gives, from the outputs for a picture of that ``size`` in an image of the
        ``whole`` size."""
        return outputs


class OneStageDetections(Detections):
    """A RetinaNet, GFL or ATSS from a picture to what it finds.

    Shapes: image (1, C, H, W), normalised and padded below and on the right; size (2,), height and
    width in px of what is not padding; to boxes (N, 4), scores (N,), labels (N,) int64, N at most
    ``max_per_img``, by falling score.
    """

    def test_cfgs(self) -> list[Any]:
        return [self.detector.bbox_head.test_cfg]

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        head = self.detector.bbox_head
        cfg = head.test_cfg
        levels = []
        maps = head(self.detector.extract_feat(image))
        for level, (scores, deltas, priors) in enumerate(_levels(head, *maps[:2])):
            # The best pairs of a prior and a class, as many as there are: those below the
            # threshold are the last of them, and taken out together with all levels' below.
            values, index = scores.flatten().topk(_at_most(cfg, scores.numel()))
            values = values.where(values > cfg.score_thr, -1.0)
            rows, labels = index // scores.shape[1], index % scores.shape[1]
            if len(maps) > 2:  # ATSS: the centredness, which has no part in the threshold
                values = values * _rows(maps[2][level], 1)[rows, 0].sigmoid()
            boxes = self._boxes(level, priors[rows], deltas[rows])
            levels.append(Found(boxes, values, labels))
        found = Found(*map(torch.cat, zip(*levels)))
        found = found._replace(boxes=clipped(found.boxes, size))
        found = found.at((found.scores > 0) & _large_enough(found.boxes, cfg))
        return tuple(_suppressed(found, cfg))

    def _boxes(self, level: int, priors: Tensor, deltas: Tensor) -> Tensor:
        head = self.detector.bbox_head
        if not hasattr(head, 'integral'):
            return _decoded(head.bbox_coder, priors, deltas)
        # GFL: distances from the centre, in strides, as the mean of a distribution.
        shares = deltas.unflatten(1, (4, -1)).softmax(-1)
        distances = (shares * head.integral.project).sum(-1)
        distances = distances * head.prior_generator.strides[level][0]
        return _decoded(head.bbox_coder, head.anchor_center(priors), distances)

    def own(self, image: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        features = self.detector.extract_feat(image)
        (found,) = self.detector.bbox_head.predict(features, [sample(image, size)], rescale=False)
        return found.bboxes, found.scores, found.labels


class TwoStageDetections(Detections):
    """A Faster, Mask or Cascade (Mask) R-CNN from a picture to what it finds.

    Shapes: as :class:`OneStageDetections`, and where there is a mask head masks (N, 28, 28), for
    each box the share of the object in each cell of it, before any threshold. A cascade's are the
    mean of its stages', which is why they are probabilities and no logits.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__(detector)
        if self.detector.roi_head.with_mask:
            self.outputs = (*self.outputs, 'masks')

    def test_cfgs(self) -> list[Any]:
        return [self.detector.rpn_head.test_cfg, self.detector.roi_head.test_cfg]

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        features = self.detector.extract_feat(image)
        regions, scores, deltas = self._refined(features, self._proposals(features, size), size)
        head, cfg = self._stages('bbox_head')[-1], self.detector.roi_head.test_cfg
        rows, labels = (scores > cfg.score_thr).nonzero().unbind(1)
        boxes = _decoded(head.bbox_coder, regions[rows], _of_class(deltas[rows], labels))
        found = Found(clipped(boxes, size), scores[rows, labels], labels)
        found = _suppressed(found, cfg)
        if not self.detector.roi_head.with_mask:
            return tuple(found)
        stages = zip(self._stages('mask_roi_extractor'), self._stages('mask_head'), strict=True)
        masks = [head(_pooled(pool, features, found.boxes))[:-1] for pool, head in stages]
        return *found, _shares(masks, found.labels)

    def _stages(self, name: str) -> Sequence[Any]:
        return _modules(self.detector.roi_head, name)

    def _proposals(self, features: Sequence[Tensor], size: Tensor) -> Tensor:
        """Regions (N, 4) that may hold an object."""
        head, levels = self.detector.rpn_head, []
        for level, (scores, deltas, priors) in enumerate(_levels(head, *head(features))):
            values, rows = scores.flatten().topk(_at_most(head.test_cfg, scores.numel()))
            boxes = _decoded(head.bbox_coder, priors[rows], deltas[rows])
            levels.append(Found(boxes, values, torch.full_like(rows, level)))
        found = Found(*map(torch.cat, zip(*levels)))
        found = found._replace(boxes=clipped(found.boxes, size))
        found = found.at(_large_enough(found.boxes, head.test_cfg))
        return _suppressed(found, head.test_cfg).boxes

    def _refined(
        self, features: Sequence[Tensor], regions: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Regions (N, 4) as the last stage sees them, class scores (N, K), deltas (N, 4 or 4 K)."""
        pools, heads = self._stages('bbox_roi_extractor'), self._stages('bbox_head')
        logits: list[Tensor] = []
        deltas, coder = regions, None
        for pool, head in zip(pools, heads, strict=True):
            if coder is not None:
                deltas = _of_class(deltas, logits[-1][:, :-1].argmax(1))
                regions = clipped(_decoded(coder, regions, deltas), size)
            found, deltas = (part[:-1] for part in head(_pooled(pool, features, regions)))
            logits.append(found)
            coder = head.bbox_coder
        return regions, torch.stack(logits).mean(0).softmax(1)[:, :-1], deltas

    def own(self, image: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        masks: list[Tensor] = []
        heads = [head for head in self._stages('mask_head') if head is not None]
        hooks = [head.register_forward_hook(lambda *call: masks.append(call[2])) for head in heads]
        features, samples = self.detector.extract_feat(image), [sample(image, size)]
        proposals = self.detector.rpn_head.predict(features, samples, rescale=False)
        (found,) = self.detector.roi_head.predict(features, proposals, samples, rescale=False)
        for hook in hooks:
            hook.remove()
        plain = found.bboxes, found.scores, found.labels
        if not heads:
            return plain
        return *plain, _shares(masks, found.labels) if masks else torch.zeros(0, 28, 28)


def sample(image: Tensor, size: tuple[int, int]) -> Any:
    """What mmdet asks about an image (1, C, H, W) of which ``size`` is not padding."""
    from mmdet.structures import DetDataSample

    shapes: dict[str, Any] = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), size)
    whole = tuple(image.shape[2:])
    shapes |= {'batch_input_shape': whole, 'scale_factor': (1.0, 1.0)}
    return DetDataSample(metainfo=shapes)


def _levels(head: Any, scores: Sequence[Tensor], deltas: Sequence[Tensor]) -> list[tuple]:
    """For each map of the pyramid scores (n, K), deltas (n, D) and priors (n, 4)."""
    sizes = [tuple(map.shape[-2:]) for map in scores]
    priors = head.prior_generator.grid_priors(sizes, device=scores[0].device)
    return [
        (_rows(each, head.cls_out_channels).sigmoid(), _rows(delta, delta.shape[1] // count), prior)
        for each, delta, prior, count in zip(
            scores, deltas, priors, head.prior_generator.num_base_priors
        )
    ]


def _rows(map: Tensor, width: int) -> Tensor:
    """A map (1, n C, H, W) as rows (H W n, C)."""
    return map[0].permute(1, 2, 0).reshape(-1, width)


def _at_most(cfg: Any, count: int) -> int:
    wanted = cfg.get('nms_pre', -1)
    return min(wanted, count) if wanted > 0 else count


def _decoded(coder: Any, boxes: Tensor, deltas: Tensor) -> Tensor:
    """Boxes (N, 4), any N: a coder treats none apart, so it is given one more, of zeros."""
    return coder.decode(*(torch.cat((x, x.new_zeros(1, x.shape[1]))) for x in (boxes, deltas)))[:-1]


def _of_class(deltas: Tensor, labels: Tensor) -> Tensor:
    """(N, 4) of (N, 4 K), or of (N, 4) where all classes share them."""
    if deltas.shape[1] == 4:
        return deltas
    return deltas.unflatten(1, (-1, 4)).gather(1, labels[:, None, None].expand(-1, 1, 4))[:, 0]


def clipped(boxes: Tensor, size: Tensor) -> Tensor:
    return torch.minimum(boxes.clamp(min=0), size.flip(0).repeat(2))


def _large_enough(boxes: Tensor, cfg: Any) -> Tensor:
    """Which have sides above ``min_bbox_size``, (N,)."""
    least = cfg.get('min_bbox_size', -1)
    sides = boxes[:, 2:] - boxes[:, :2]
    return (sides > least).all(1) if least >= 0 else torch.ones_like(sides[:, 0], dtype=torch.bool)


def _suppressed(found: Found, cfg: Any) -> Found:
    """The best of overlapping boxes of one label, by falling score, ``max_per_img`` at most.

    Boxes of other labels are moved out of each other's way as mmcv moves them, so that overlaps
    are rounded alike. The scores are sorted here and their ranks handed on: of equal scores the
    first comes first, where runtimes differ. Two boxes outside every picture are kept last and
    dropped: torchvision tells torch.export that at least two are kept.
    """
    from torchvision.ops import nms

    found = found.at(found.scores.sort(descending=True)[1])
    largest = torch.cat((found.boxes.flatten(), found.boxes.new_zeros(1))).max()
    moved = found.boxes + (found.labels.to(found.boxes) * (largest + 1))[:, None]
    outside = moved.new_tensor([[-2.0, -2, -1, -1], [-4, -4, -3, -3]])
    ranks = -torch.arange(moved.shape[0] + 2).to(moved)
    kept = nms(torch.cat((moved, outside)), ranks, cfg.nms.iou_threshold)
    return found.at(kept[kept < moved.shape[0]][: cfg.max_per_img])


def _pooled(pool: Any, features: Sequence[Tensor], boxes: Tensor) -> Tensor:
    """RoIAlign of boxes (N, 4), each in the map of its size, and of one more, of zeros, for the
    norm of a head takes no batch of none: (N + 1, C, h, w)."""
    from torchvision.ops import roi_align

    rois = nn.functional.pad(boxes, (1, 0, 0, 1))  # each begins with its picture, 0
    levels = pool.map_roi_levels(rois, pool.num_inputs)
    pooled = features[0].new_zeros(
        rois.shape[0], pool.out_channels, *pool.roi_layers[0].output_size
    )
    for level, layer in enumerate(pool.roi_layers):
        rows = (levels == level).nonzero()[:, 0]
        options = layer.output_size, layer.spatial_scale, layer.sampling_ratio, layer.aligned
        pooled[rows] = roi_align(features[level], rois[rows], *options)
    return pooled


def _shares(masks: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Logits (N, K or 1, h, w) of each stage to the mean share (N, h, w) of each box's label."""
    shares = torch.stack([mask.sigmoid() for mask in masks]).mean(0)
    if shares.shape[1] == 1:
        return shares[:, 0]
    height, width = shares.shape[2:]
    return shares.gather(1, labels[:, None, None, None].expand(-1, 1, height, width))[:, 0]
