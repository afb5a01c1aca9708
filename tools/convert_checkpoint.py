"""The command line of heracles_mm.cli.convert_checkpoint.

A checkout's script runs the checkout's package.
"""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
if (CHECKOUT / 'heracles_mm').is_dir():
    sys.path.insert(0, str(CHECKOUT))

from heracles_mm.cli.convert_checkpoint import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
