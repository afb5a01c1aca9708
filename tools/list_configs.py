"""Command line of heracles_mm.cli.list_configs; a checkout's script runs its package."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
if (CHECKOUT / 'heracles_mm').is_dir():
    sys.path.insert(0, str(CHECKOUT))

from heracles_mm.cli.list_configs import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
