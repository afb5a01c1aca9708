"""The published sizes and FLOPs of the papers' models, to stand beside ours."""

from typing import NamedTuple

from mmengine.config import ConfigDict

HERACLES = 'published, arXiv 2403.18063, classifier at 224x224; convolutions and linear layers'
HAMSA = 'published, arXiv 2604.14724, classifier at 224x224; convention not stated'
MASK_RCNN = 'published, arXiv 2604.14724, Mask R-CNN; that it is HAMSA-S at 1280x800 is inferred'


class Published(NamedTuple):
    """A published row: parameters, multiply-adds, and what is known about them."""

    parameters: float
    work: float
    source: str


CLASSIFIERS = {
    ('Heracles', 's'): Published(21.7e6, 4.1e9, HERACLES),
    ('Heracles', 'b'): Published(32.5e6, 6.5e9, HERACLES),
    ('Heracles', 'l'): Published(54.1e6, 13.4e9, HERACLES),
    ('Hamsa', 's'): Published(28e6, 4.9e9, HAMSA),
    ('Hamsa', 'b'): Published(43e6, 7.7e9, HAMSA),
    ('Hamsa', 'l'): Published(72e6, 14.7e9, HAMSA),
}
DETECTORS = {('Hamsa', 's'): Published(52e6, 292e9, MASK_RCNN)}
OPTIONS = dict(
    spectral_stages=1, hartley_product='gate', kv_grid=None, fft_axes='tokens', kernel='complex'
)
"""What the options of a backbone are in the papers' models."""


def published_figures(model: ConfigDict, shape: tuple[int, int]) -> Published | None:
    """The published row of a config's ``model`` for pictures of ``shape``, if there is one."""
    backbone = model.get('backbone') or {}
    if any(backbone.get(option, value) != value for option, value in OPTIONS.items()):
        return None
    key = (str(backbone.get('type')).rpartition('.')[2], str(backbone.get('arch', 's')))
    if 'roi_head' in model:
        return DETECTORS.get(key) if sorted(shape) == [800, 1280] else None
    classifier = str(model.get('type')).endswith('Classifier') and shape == (224, 224)
    return CLASSIFIERS.get(key) if classifier else None
