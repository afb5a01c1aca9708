"""Beside a test's own metrics: what its report needs of each picture."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from heracles_mm.errors import UserError
from heracles_mm.reports import box_report, class_report, label_map_report
from heracles_mm.reports.report_contents import Findings

KINDS: dict[str, tuple[str, Callable, Callable[..., Findings]]] = {
    'mmdet': ('gt_instances', box_report.read, box_report.find),
    'mmseg': ('gt_sem_seg', label_map_report.read, label_map_report.find),
    'mmpretrain': ('gt_label', class_report.read, class_report.find),
}
"""default_scope of a config -> the ground truth of its samples, what is kept, what is found."""


class ReportMetric(BaseMetric):
    """Collects in all processes, and measures nothing.

    Args:
        scope: the library of the model: mmdet, mmseg or mmpretrain.
        names: of the data set's classes.

    Raises:
        UserError: another library, no TIDE for a detector, or data without ground truth.
    """

    def __init__(self, scope: str, names: Sequence[str]) -> None:
        super().__init__()
        if scope not in KINDS:
            raise UserError(f'a report is for {", ".join(KINDS)}, not for {scope}')
        if scope == 'mmdet' and importlib.util.find_spec('tidecv') is None:
            raise UserError(
                'the report of a detector needs the package tidecv: pip install '
                "'heracles-mm[report]'"
            )
        self._needed, self._read, self._find = KINDS[scope]
        self._names = names
        self._kept: list[Any] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep a little of each picture."""
        for sample in data_samples:
            if self._needed not in sample:
                raise UserError(
                    f'the pipeline of test_dataloader packs no ground truth ({self._needed}), '
                    'which a report compares with: add its loading step'
                )
            self.results.append(self._read(sample, self._names))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Nothing, but in the main process ``results`` are all of the data set, in its order."""
        self._kept = results
        return {}

    def findings(self) -> Findings:
        """After the test, in the main process."""
        return self._find(self._kept, self._names)
