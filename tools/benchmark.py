"""The command line of heracles_mm.cli.benchmark; a script of a checkout runs its own package."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
if (CHECKOUT / 'heracles_mm').is_dir():
    sys.path.insert(0, str(CHECKOUT))

from heracles_mm.cli.benchmark import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
