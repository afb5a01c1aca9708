"""What was logged about a load, and the toy model of tests/cli."""

import sys
from pathlib import Path

import pytest

from heracles_mm.checkpoints import loading

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'cli' / 'toy'))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'backbones'))


@pytest.fixture
def log(monkeypatch) -> list[str]:
    """The messages of the backbones about loading, in order."""
    messages: list[str] = []
    monkeypatch.setattr(loading, 'print_log', lambda text, **options: messages.append(text))
    return messages
