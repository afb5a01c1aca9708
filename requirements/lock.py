"""Pin the default stack, with the hashes of every file that the index holds of each release.

    make lock        # or: python requirements/lock.py PYTHON_OF_THE_ENVIRONMENT UV

Writes ``openmmlab-py311.txt``, all that ``.[openmmlab]`` and mmcv's build need, and
``openmmlab-py311-mmcv.txt``, mmcv alone: it is built from source against what the first holds.
docs/install.md says how to install from them.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'tools'))

from setup_env import BUILD_TOOLS, TORCH, TORCHVISION  # noqa: E402

NAME = 'openmmlab-py311'
HEADER = '# Made by `make lock`; for Linux and Python 3.11. docs/install.md says how to use it.\n'


def resolve(python: str, uv: str) -> str:
    """The pins as requirements with hashes, by name."""
    wanted = [f'torch=={TORCH}', f'torchvision=={TORCHVISION}', *BUILD_TOOLS]
    command = [uv, 'pip', 'compile', '--quiet', '--no-header', '--no-annotate', '--generate-hashes']
    command += ['--python', python, '--extra', 'openmmlab', 'pyproject.toml', '-']
    # Every wheel there is but mmcv's, whose setup.py asks for the torch of ``python``.
    command += ['--only-binary', ':all:', '--no-binary', 'mmcv', '--no-build-isolation']
    return subprocess.run(
        command, cwd=ROOT, input='\n'.join(wanted), text=True, check=True, stdout=subprocess.PIPE
    ).stdout


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit('usage: lock.py PYTHON_OF_THE_ENVIRONMENT UV, or: make lock')
    pins = re.split(r'(?m)^(?=[a-z])', resolve(*sys.argv[1:]))[1:]
    mmcv = [pin for pin in pins if pin.startswith('mmcv==')]
    others = [pin for pin in pins if pin not in mmcv]
    for name, chosen in ((NAME, others), (f'{NAME}-mmcv', mmcv)):
        path = ROOT / 'requirements' / f'{name}.txt'
        path.write_text(HEADER + ''.join(chosen))
        print(f'{path.relative_to(ROOT)}: {len(chosen)} pins')


if __name__ == '__main__':
    main()
