"""The house as CONTRIBUTING draws it: who may import whom, and one meaning to a file name."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'heracles_mm'
LIBRARIES = {'mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'timm', 'cv2', 'matplotlib', 'rich'}
ROW = re.compile(r'\| `heracles_mm/(\w+)(?:\.py)?` \|[^|]*\|([^|]*)\|')
FILES = [path for path in PACKAGE.rglob('*.py') if not path.is_symlink()]


def room_of(path: Path) -> str:
    """The folder or, for a file at the top, its name."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix('.py')


def allowed() -> dict[str, set[str]]:
    """The table of CONTRIBUTING.md: room -> rooms in backticks in its last column."""
    rows = ROW.findall((ROOT / 'CONTRIBUTING.md').read_text())
    return {room: set(re.findall(r'`(\w+)`', words)) for room, words in rows}


def imported(path: Path) -> set[str]:
    """Modules that a file names in an import anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == 'heracles_mm':
            names |= {f'heracles_mm.{alias.name}' for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def test_the_table_names_every_room():
    rooms = {room_of(path) for path in FILES} - {'__init__'}
    assert set(allowed()) == rooms


def test_the_table_has_no_circle():
    """Then one can read the house from the bottom up."""
    waiting = allowed()
    while waiting:
        free = [room for room, needs in waiting.items() if not needs & set(waiting)]
        assert free, f'these rooms import each other: {waiting}'
        for room in free:
            del waiting[room]


@pytest.mark.parametrize('room', allowed())
def test_imports_point_as_the_table_says(room):
    may = allowed()[room] | {room}
    public = {'Hamsa', 'Heracles'} if 'backbones' in may else {'__version__'}
    for path in FILES:
        if room_of(path) == room:
            ours = {name.split('.')[1] for name in imported(path) if name[:12] == 'heracles_mm.'}
            assert not ours - may - public, path


def test_a_file_name_has_one_meaning():
    """A reader finds a file by its name. Command lines are named by the room that they run."""
    names = Counter(path.name for path in FILES if room_of(path) != 'cli')
    assert [name for name, count in names.items() if count > 1 and name != '__init__.py'] == []


def test_the_import_brings_nothing_heavy():
    """What costs a second: a compiler, sharding, runners, the libraries around."""
    heavy = [
        'torch._dynamo',
        'torch.distributed.fsdp',
        'sympy',
        'mmengine.model',
        'mmengine.optim',
        'mmengine.runner',
        *sorted(LIBRARIES),
    ]
    code = (
        'import sys, torch, mmengine\n'
        'before = set(sys.modules)\n'
        'import heracles_mm\n'
        f'print([name for name in {heavy} if name in set(sys.modules) - before])\n'
        'new = {name.partition(".")[0] for name in set(sys.modules) - before}\n'
        'print(sorted(new - {"torch", "mmengine", "heracles_mm"} - sys.stdlib_module_names))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split('\n')[:2] == ['[]', '[]']
