"""Pin the default stack, with the hashes of every file that the index holds of each release.

    make lock        # or: python requirements/lock.py UV

Writes ``openmmlab-py311.txt``, all that ``.[openmmlab]`` needs, by wheels alone. docs/install.md
says how to install from it.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'tools'))

from setup_env import TORCH  # noqa: E402

LOCK = ROOT / 'requirements' / 'openmmlab-py311.txt'
HEADER = '# Made by `make lock`; for Linux and Python 3.11. docs/install.md says how to use it.\n'


def resolve(uv: str) -> str:
    """The pins as requirements with hashes."""
    command = [uv, 'pip', 'compile', '--quiet', '--no-header', '--no-annotate', '--generate-hashes']
    command += ['--python-version', '3.11', '--only-binary', ':all:']
    command += ['--extra', 'openmmlab', 'pyproject.toml', '-']
    return subprocess.run(
        command, cwd=ROOT, input='\n'.join(TORCH), text=True, check=True, stdout=subprocess.PIPE
    ).stdout


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit('usage: lock.py UV, or: make lock')
    pins = resolve(sys.argv[1])
    LOCK.write_text(HEADER + pins)
    print(f'{LOCK.relative_to(ROOT)}: {pins.count("==")} pins')


if __name__ == '__main__':
    main()
