"""The script whose table docs/export.md quotes still runs (small; no figure is judged)."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmarks' / 'export_table.py'


def test_a_row_of_the_table(monkeypatch, capsys):
    for library in ('mmpretrain', 'onnxscript', 'openvino'):
        pytest.importorskip(library)
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location('export_table', SCRIPT)
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    name = 'classifier, Heracles nano'
    monkeypatch.setitem(table.ROWS, name, table.Row('heracles_nano_parts', (64, 64)))
    words = ('--only', name, '--ways', 'fixed', '--rounds', '1')
    monkeypatch.setattr(sys, 'argv', ['export_table.py', *words])
    table.main()
    head, _, row = capsys.readouterr().out.strip().splitlines()[-3:]
    assert row.startswith(f'| {name} | 64x64 | logits ')
    assert row.count('|') == head.count('|')
