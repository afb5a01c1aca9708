"""A config by its name, and the sentences about a wrong one."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mmengine.config import Config

from heracles_mm.configs import config_names, config_path

NAMES = config_names()


@pytest.mark.parametrize('name', ['mask_rcnn_heracles_s_coco', 'hamsa_nano_parts.py'])
def test_it_gives_the_file_with_its_bases(name):
    path = config_path(name)
    assert isinstance(path, Path)
    assert path.stem == name.removesuffix('.py')
    assert Config.fromfile(path, import_custom_modules=False).model


def test_every_config_of_the_checkout_has_its_name():
    assert sorted(p.stem for p in (Path(__file__).parents[2] / 'configs').glob('*.py')) == NAMES


@given(st.sampled_from(NAMES), st.data())
def test_a_slip_is_answered_with_the_nearest_names(name, data):
    """One letter lost leaves the name nearer than any that shares less than all the others."""
    at = data.draw(st.integers(0, len(name) - 1))
    slip = name[:at] + name[at + 1 :]
    assume(slip not in NAMES)  # cifar100 without a 0
    with pytest.raises(ValueError, match='the nearest are') as error:
        config_path(slip)
    assert name in str(error.value)
    assert str(error.value).count('\n') == 0


@pytest.mark.parametrize('name', ['', '../setup', 'metafile_hamsa.yml', '_base_/default_runtime'])
def test_what_is_no_config_is_refused(name):
    with pytest.raises(ValueError, match='has no config') as error:
        config_path(name)
    assert 'list_configs' in str(error.value)


def test_it_needs_no_mm_library():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('mmcv', 'mmdet', 'mmseg', 'mmpretrain')))\n"
        "import heracles_mm; print(heracles_mm.config_path('gfl_hamsa_s_coco_3x').is_file())"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout == 'True\n', done.stderr
