"""Where the programs that tests start find what they import."""

import os
from pathlib import Path

WITHOUT_TRANSFORMERS = Path(__file__).parent / 'without_transformers'


def with_path(*folders: Path) -> str:
    """A PYTHONPATH of these folders, and without transformers."""
    return os.pathsep.join(map(str, [*folders, WITHOUT_TRANSFORMERS]))
