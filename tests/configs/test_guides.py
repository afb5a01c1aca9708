"""The configs over ours that the guides show are read, and their heads agree with their classes."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from heracles_mm.data_checks.heads import class_counts, head_findings
from heracles_mm.data_checks.paths import inner_datasets

ROOT = Path(__file__).resolve().parents[2]
SHOWN = [
    (page, text)
    for page in ('data', 'detection', 'segmentation')
    for text in re.findall(
        r"```python\n(_base_ = 'configs/.*?)```", (ROOT / f'docs/{page}.md').read_text(), re.DOTALL
    )
]


@pytest.mark.parametrize(('page', 'text'), SHOWN, ids=[page for page, _ in SHOWN])
def test_a_shown_config_fits_together(page, text, tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(text.replace("'configs/", f"'{ROOT}/configs/"))
    cfg = Config.fromfile(path, import_custom_modules=False)
    assert list(head_findings(cfg)) == []
    for _, options in inner_datasets(cfg.train_dataloader, ''):
        if 'metainfo' in options:
            numbers = {one.number for one in class_counts(cfg)}
            assert numbers == {len(options.metainfo.classes)}
        else:
            assert options.type == 'PascalVOCDataset'  # in place of two


def test_each_guide_shows_one():
    assert [page for page, _ in SHOWN] == ['data', 'detection', 'segmentation']
