"""What becomes of small inputs that users reported: a line for each folder with a run.sh.

    python benchmarks/reported_cases.py --cases FOLDER

Each folder is copied, and its run.sh is called with REPO, this checkout, and PY, this Python. The
line is the exit code of the last tool in it (the script's own where it prints no rc=) and the last
line that says something.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import log, options

SILENT = re.compile(r'rc=\d+|exit|\s*|.*(INFO|Saving checkpoint).*')


def outcome(script: Path) -> tuple[int, str]:
    """Run ``script``: the exit code and the last line."""
    environment = os.environ | {'REPO': str(Path(__file__).parents[1]), 'PY': sys.executable}
    done = subprocess.run(
        ['bash', script],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    codes = re.findall(r'^rc=(\d+)', done.stdout, re.M)
    lines = [line for line in done.stdout.splitlines() if not SILENT.fullmatch(line)]
    return int(codes[-1] if codes else done.returncode), lines[-1] if lines else ''


def main() -> None:
    args = options(__doc__, cases='', only=[''])
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(args.cases, folder, dirs_exist_ok=True)
        for script in sorted(Path(folder).glob('*/run.sh')):
            name = script.parent.name
            if any(args.only) and name not in args.only:
                continue
            log(name)
            code, line = outcome(script)
            print(f'{name:24} {code:3}  {line.replace(folder, "")}', flush=True)


if __name__ == '__main__':
    main()
