"""One HTML file that needs no other: tables, a confusion matrix, pictures."""

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader  # comes with torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from heracles_mm.checkpoints.writing import write_whole
from heracles_mm.errors import UserError
from heracles_mm.reports.report_contents import Findings, Table, confusions
from heracles_mm.visualization import plot_predictions

WRITTEN_OUT = 20
"""Up to so many classes a confusion matrix has names and numbers."""

CONFUSIONS = 20
"""The most frequent ones listed."""


def check_report_path(path: str) -> None:
    """Raise a UserError about a file that cannot become a page."""
    if not path.endswith('.html'):
        raise UserError(f'--report writes a page: its name must end in .html, not {path}')
    if not Path(path).expanduser().absolute().parent.is_dir():
        raise UserError(f'--report {path} cannot be written: its folder does not exist')


def write_report(
    path: str,
    title: str,
    metrics: Mapping[str, Any],
    findings: Findings,
    cfg: Config,
    model: BaseModel,
    dataset: BaseDataset,
) -> None:
    """Write the page of a test.

    Args:
        path: of the file, which appears whole or not at all.
        title: of the page.
        metrics: of the test's own evaluator, numbers or other values.
        findings: of a ``ReportMetric``.
        cfg, model, dataset: those of the test; the worst pictures are predicted and drawn again.

    Raises:
        CheckpointError: the folder or the disk refuses it.
    """
    pictures = [
        (
            _name(dataset, picture.index),
            picture.reasons,
            _embedded(plot_predictions(cfg, model, dataset, [picture.index]), 'jpeg'),
        )
        for picture in findings.worst
    ]
    environment = Environment(loader=PackageLoader('heracles_mm.reports', '.'), autoescape=True)
    environment.filters['shown'] = _shown
    page = environment.get_template('report_page.html').render(
        title=title,
        tables=[
            Table('Metrics', ('metric', 'value'), [*metrics.items()]),
            *findings.tables,
            _most_confused(findings),
        ],
        matrix=_embedded(_plot_matrix(findings), 'png'),
        unit=findings.unit,
        pictures=pictures,
    )
    write_whole(page.encode(), Path(path).expanduser())


def _name(dataset: BaseDataset, index: int) -> str:
    file = dataset.get_data_info(index).get('img_path')
    return f'{index}: {Path(file).name}' if file else f'picture {index}'


def _most_confused(findings: Findings) -> Table:
    """The frequent cells of the matrix beside its diagonal."""
    names, matrix = findings.names, findings.matrix
    rows = [
        (names[true], names[found], matrix[true, found])
        for true, found in [*confusions(matrix)][:CONFUSIONS]
    ]
    return Table('Most frequent confusions', ('true', 'predicted', findings.unit), rows)


def _plot_matrix(findings: Findings) -> Figure:
    """Rows in percent, whose sums are those of true classes."""
    names, matrix = findings.names, findings.matrix
    shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    written = len(names) <= WRITTEN_OUT
    side = 1.5 + 0.45 * len(names) if written else 9
    figure = Figure(figsize=(max(side, 3.5), max(side, 3.5)), layout='constrained')
    axes = figure.add_subplot()
    axes.imshow(shares, cmap='Blues', vmin=0, vmax=100)
    axes.set(xlabel='predicted', ylabel='true')
    if written:
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        for (row, column), share in np.ndenumerate(shares):
            if matrix[row, column]:
                colour = 'white' if share > 50 else 'black'
                words = axes.text(column, row, f'{share:.0f}', fontsize=8, color=colour)
                words.set(ha='center', va='center')
    return figure


def _embedded(figure: Figure, kind: str) -> str:
    """A figure as the address of an image that holds it."""
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=90)
    return f'data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}'


def _shown(value: Any) -> str:
    """Numbers with a digit or three behind the point, NaN as a dash."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float):
        return str(value)
    return '–' if math.isnan(value) else f'{value:.3f}' if abs(value) < 1 else f'{value:.1f}'
