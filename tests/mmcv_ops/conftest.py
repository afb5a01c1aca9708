"""The compiled operators that ours are compared with."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / 'benchmarks'))


@pytest.fixture(scope='session')
def compiled():
    """mmcv's own compiled operators, from a wheel (benchmarks/mmcv_operators.py says where)."""
    from mmcv_operators import load_compiled

    try:
        return load_compiled()
    except (FileNotFoundError, ImportError) as error:
        pytest.skip(f'no compiled mmcv to compare with: {error}')
