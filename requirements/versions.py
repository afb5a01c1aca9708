"""Install the built wheel beside old and new releases and run the part of the suite that must pass.

    make versions                          # all of them: an hour, some 8 GB at a time
    make versions ARGS='lowest whole'      # some

Each environment is made by uv in a temporary folder from the package index and removed again; what
it needs and what it may not have is listed below. uv looks for the interpreter, or fetches it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MMENGINE = ['mmengine==0.10.7', 'setuptools>=80,<80.9']
TESTS = ['pytest>=8', 'hypothesis>=6', 'scipy', 'torch-dct']
CORE = ['tests/spectral', 'tests/layers', 'tests/backbones']
CLASSIFY = [
    'tests/classification',
    'tests/token_labels',
    'tests/backbones/test_contract.py',
]
WHOLE = [
    'tests/mmcv_ops',
    'tests/clients/test_library_tools.py',
    'tests/clients/test_inferencers.py',
    'tests/cli/test_doctor.py',
]
ALONE = """
import sys
sys.modules.update(dict.fromkeys(({hidden}), None))
import heracles_mm, torch
assert '/site-packages/' in heracles_mm.__file__, heracles_mm.__file__
for backbone in (heracles_mm.Heracles, heracles_mm.Hamsa):
    assert len(backbone('nano').eval()(torch.randn(1, 3, 33, 65))) == 4
print(torch.__version__)
"""


class Environment(NamedTuple):
    python: str
    packages: list[str]
    """Beside the wheel, or with its extra in brackets where that comes first."""
    tests: list[str]
    hidden: str
    """Modules that importing the package must do without."""


def whole(python: str, *torch: str) -> Environment:
    """The official line as its extra brings it, by wheels alone."""
    return Environment(python, ['[openmmlab]', *torch, '--only-binary', ':all:'], WHOLE, '')


NO_LIBRARY = "'mmdet', 'mmseg', 'mmcv', 'mmpretrain'"
ENVIRONMENTS = {
    'lowest': Environment('3.10', ['torch==2.6.0', *MMENGINE], CORE, NO_LIBRARY),
    'default': Environment('3.12', ['torch==2.12.1', *MMENGINE], CORE, NO_LIBRARY),
    'highest': Environment('3.11', ['torch', *MMENGINE], CORE, NO_LIBRARY),
    'classification': Environment(
        '3.11',
        [
            'torch==2.12.1',
            'torchvision==0.27.1',
            'mmcv-lite==2.2.0',
            'mmpretrain==1.2.0',
            *MMENGINE,
        ],
        CLASSIFY,
        "'mmdet', 'mmseg'",
    ),
    # All three libraries, trained, tested and asked for predictions by their own tools.
    'whole_oldest': whole('3.10', 'torch==2.6.0', 'torchvision==0.21.0'),
    'whole': whole('3.12', 'torch==2.12.1', 'torchvision==0.27.1'),
    'whole_newer': whole('3.13', 'torch==2.12.1', 'torchvision==0.27.1'),
    'whole_torch': whole('3.11', 'torch', 'torchvision'),
    'whole_newest': whole('3.14', 'torch', 'torchvision'),
}


def try_out(name: str, wheel: Path, folder: Path) -> list[str]:
    """A row of the table: name, Python, torch, what passed or what went wrong."""
    python, packages, tests, hidden = ENVIRONMENTS[name]
    home, log = folder / name, folder / f'{name}.log'
    binary = home / 'bin'

    def run(*command: object) -> str:
        print(f'[{name}]', *command, flush=True)
        with open(log, 'a+') as file:
            start = file.tell()
            # Outside the checkout, whose package must not stand in for the wheel's.
            code = subprocess.call(
                [str(part) for part in command],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, 'PYTHONPATH': ''},
            )
            file.seek(start)
            printed = file.read().strip()
        if code:
            raise RuntimeError(printed[-8000:])
        return printed.splitlines()[-1] if printed else ''

    torch = '-'
    try:
        run('uv', 'venv', '--python', python, home)
        install = 'uv', 'pip', 'install', '--quiet', '--python', binary / 'python'
        extra, packages = (packages[0], packages[1:]) if '[' in packages[0] else ('', packages)
        run(*install, f'{wheel}{extra}', *packages)
        torch = run(binary / 'python', '-c', ALONE.format(hidden=hidden))
        run(*install, *TESTS)
        paths = [ROOT / path for path in tests]
        summary = run(binary / 'pytest', '-q', '-p', 'no:cacheprovider', *paths)
        return [name, python, torch, re.sub(r' in .*', '', summary)]
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return [name, python, torch, 'failed: see above']
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('names', nargs='*', help=f'out of {list(ENVIRONMENTS)}; default: all')
    names = parser.parse_args().names or list(ENVIRONMENTS)
    if unknown := set(names) - set(ENVIRONMENTS):
        parser.error(f'no environment {sorted(unknown)}: choose out of {list(ENVIRONMENTS)}')
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pip = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', folder, ROOT]
        subprocess.check_call([str(part) for part in pip])
        (wheel,) = folder.glob('heracles_mm-*.whl')
        rows = [try_out(name, wheel, folder) for name in names]
    print('| environment | Python | torch | tests |\n|---|---|---|---|')
    for row in rows:
        print('|', ' | '.join(row), '|')
    return int(any('passed' not in row[-1] or 'failed' in row[-1] for row in rows))


if __name__ == '__main__':
    sys.exit(main())
