"""The examples run as they stand, and the document shows them letter by letter."""

import re
import runpy
from importlib import metadata

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import PixelData
from small_runs import ROOT

EXAMPLES = {path.name: path for path in (ROOT / 'examples').glob('*.py')}
SCRIPTS = ('plain_torch.py', 'custom_head.py')
SHOWN = re.findall(
    r'`examples/(\w+\.py)`(?:(?!```).)*```python\n(.*?)```',
    ''.join(
        (ROOT / f'docs/{name}.md').read_text()
        for name in ('own_configs', 'own_data', 'clients', 'detection')
    ),
    re.DOTALL,
)

SIDE = 96


def detection() -> dict:
    from mmdet.testing import demo_mm_inputs

    return demo_mm_inputs(
        2, [[3, SIDE, SIDE]] * 2, num_classes=80, num_items=[2, 2], with_mask=True
    )


def segmentation() -> dict:
    from mmseg.structures import SegDataSample

    maps = torch.from_numpy(np.random.default_rng(0).integers(0, 150, (2, 1, SIDE, SIDE)))
    sizes = dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE))
    samples = [SegDataSample(metainfo=sizes, gt_sem_seg=PixelData(data=one)) for one in maps]
    return dict(inputs=noise(), data_samples=samples)


def classification() -> dict:
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(label) for label in (0, 999)]
    return dict(inputs=torch.stack(noise()), data_samples=samples)


def noise() -> list[torch.Tensor]:
    return list(torch.randint(256, (2, 3, SIDE, SIDE), dtype=torch.uint8))


BATCHES = {'mmdet': detection, 'mmseg': segmentation, 'mmpretrain': classification}


def test_the_documents_show_every_example_as_it_is():
    assert {name: path.read_text() for name, path in EXAMPLES.items()} == dict(SHOWN)


@pytest.mark.parametrize('name', sorted(name for name in EXAMPLES if '_on_' in name))
def test_a_librarys_own_config_with_our_backbone_trains_and_predicts(name):
    """The widths fit, so one step gives every part of the backbone a gradient."""
    scope = re.search(r"'(\w+)::", EXAMPLES[name].read_text())[1]
    pytest.importorskip(scope)
    if scope == 'mmseg' and any(metadata.distributions(name='onedl-mmengine')):
        pytest.skip('the OneDL mmengine does not find mmseg:: bases (docs/own_configs.md)')
    cfg = Config.fromfile(EXAMPLES[name])
    torch.manual_seed(0)
    preprocessor = cfg.model.get('data_preprocessor') or cfg.data_preprocessor
    size = {'size': (SIDE, SIDE)} if scope == 'mmseg' else {}  # mmseg pads to the recipe's 512
    cfg.model.data_preprocessor = {**preprocessor, **size}
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(BATCHES[scope](), training=True)
    losses = model(**batch, mode='loss')
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.backbone.parameters() if p.requires_grad)
    with torch.no_grad():
        assert len(model.eval()(**batch, mode='predict')) == 2


@pytest.mark.parametrize('name', SCRIPTS)
def test_a_script_needs_no_mm_library_and_prints_what_it_says(name, capsys):
    text = EXAMPLES[name].read_text()
    assert set(re.findall(r'^(?:import|from) (\w+)', text, re.MULTILINE)) == {
        'torch',
        'heracles_mm',
    }
    runpy.run_path(str(EXAMPLES[name]), run_name='__main__')
    printed = capsys.readouterr().out.splitlines()
    if name == 'custom_head.py':  # its last comment says what is printed
        assert printed == [text.rstrip().rpartition('# ')[2]]
    else:
        losses = [float(line.rpartition(' ')[2]) for line in printed]
        assert losses[-1] < losses[0] / 2


def test_a_torchvision_detector_trains_and_finds_boxes(capsys):
    """Its last lines: boxes, labels and scores of as many objects in each of the two pictures."""
    made = runpy.run_path(str(EXAMPLES['torchvision_detector.py']), run_name='__main__')
    assert all(p.grad is not None for p in made['model'].parameters())
    *steps, first, second = capsys.readouterr().out.splitlines()
    assert len(steps) == 2
    assert first == second == 'boxes, labels and scores: (100, 4) (100,) (100,)'
