"""The script whose table docs/export.md shows still runs (small; no figure is judged)."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmarks' / 'export_table.py'


def test_a_model_leaves_a_file_of_which_its_row_is_made(monkeypatch, tmp_path):
    for library in ('mmpretrain', 'onnxscript', 'openvino'):
        pytest.importorskip(library)
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location('export_table', SCRIPT)
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    name = 'classifier, Heracles nano'
    monkeypatch.setitem(table.ROWS, name, table.Row('heracles_nano_parts', (64, 64)))
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{table.BEGIN}\nthe old one\n{table.END}\nafter')
    words = ('--only', name, '--ways', 'fixed', '--rounds', '1')
    words += ('--results', str(tmp_path / 'results'), '--page', str(page))
    monkeypatch.setattr(sys, 'argv', ['export_table.py', *words])
    table.main()
    (file,) = (tmp_path / 'results').iterdir()
    assert file.name == 'classifier_heracles_nano.json'
    assert json.loads(file.read_text())['ways']['fixed']['shape'] == [64, 64]
    written = page.read_text()
    head, _, row = (line for line in written.splitlines() if line.startswith('|'))
    assert row.startswith(f'| {name} | 64x64 | ') and row.count('|') == head.count('|')
    assert 'the old one' not in written
    assert written.startswith('before\n') and written.endswith('\nafter')
    # What has its file is not measured again.
    monkeypatch.delattr(table, 'exported')
    table.main()
    assert page.read_text() == written
