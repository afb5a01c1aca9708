"""What every script here does, so that a checkout's script runs the checkout's own package."""

import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn


def run(tool: str) -> NoReturn:
    """Run ``heracles_mm.cli.{tool}`` with the command line's arguments."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(import_module(f'heracles_mm.cli.{tool}').main())
