"""One file takes pictures of any size: ten of them, odd, upright and wide ones."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from heracles_mm.export.building import build_model
from heracles_mm.export.wrappers import target

SIZES = (
    (64, 64),
    (33, 33),
    (33, 97),
    (97, 33),
    (50, 70),
    (71, 49),
    (128, 64),
    (65, 65),
    (160, 90),
    (81, 200),
)


def test_the_numbers_are_the_models_at_ten_sizes(exported):
    """Heracles with bounded attention and UperNet's pooling; HAMSA's layers: tests/export."""
    onnxruntime = pytest.importorskip('onnxruntime')
    made = exported('segments')
    session = onnxruntime.InferenceSession(made.file, providers=['CPUExecutionProvider'])
    assert session.get_inputs()[0].shape == [1, 3, 'height', 'width']
    model = build_model(Config.fromfile(made.config), str(made.checkpoint), only_backbone=False)
    module, rng = target(model, 'model').module, np.random.default_rng(0)
    for size in SIZES:
        image = rng.standard_normal((1, 3, *size)).astype(np.float32)
        (found,) = session.run(None, {'image': image})
        with torch.no_grad():
            expected = module(torch.from_numpy(image)).numpy()
        assert found.shape == expected.shape
        # In shares of the largest: float32's own rounding of numbers of ten and more, which
        # processors do in other orders, reaches 1e-4.
        assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()
