"""A script with nothing but mmengine in it, in a folder of its own, trains from our config."""

import os
import subprocess
import sys

import pytest
from processes import with_path
from small_runs import ROOT


@pytest.mark.slow
@pytest.mark.parametrize('library', ['mmdet', 'mmseg', 'mmpretrain'])
def test_the_config_brings_the_package(library, small_config, tmp_path):
    """``Runner.from_cfg`` alone: what a library's train.py would add must stand in our config."""
    (tmp_path / 'elsewhere').mkdir()
    script = ROOT / 'examples' / 'notebook.py'
    assert 'heracles_mm' not in script.read_text().replace('bring heracles_mm in', '')
    done = subprocess.run(
        [sys.executable, script, small_config(library)],
        cwd=tmp_path / 'elsewhere',
        env={**os.environ, 'PYTHONPATH': with_path(ROOT), 'OMP_NUM_THREADS': '1'},
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / 'elsewhere' / 'notebook').glob('*_1.pth'))) == 1
