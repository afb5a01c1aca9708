"""Hooks of `mkdocs build`: formulas become MathML, and the start page lists README's tasks.

References in docstrings keep their last name.
"""

import re
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

README = Path(__file__).parents[1] / 'README.md'
TASKS = '[The tasks and their guides](../README.md#tasks)'
"""A line of the start page."""

FORMULA = re.compile(r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>', re.DOTALL)
"""What pymdownx.arithmatex makes of $$...$$ (div) and $...$ (span)."""

ROLE = re.compile(r':(?:func|class|meth|mod|data):<code>~?(?:[\w.]+\.)?(\w+)</code>')
"""A reference of a docstring, such as :func:`~heracles_mm.config_path`."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    rows = README.read_text().split('\n## Tasks\n')[1].split('\n## ')[0].splitlines()
    table = '\n'.join(row for row in rows if row.startswith('|'))
    return markdown.replace(TASKS, table.replace('](docs/', ']('))


def on_page_content(html: str, **_: Any) -> str:
    return FORMULA.sub(_mathml, ROLE.sub(r'<code>\1</code>', html))


def _mathml(formula: re.Match) -> str:
    kind = 'block' if formula[1] == 'div' else 'inline'
    return convert(unescape(formula[2]).strip(), display=kind)
