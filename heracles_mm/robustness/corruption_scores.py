"""The scores of a model on clean and corrupted pictures, in a file that grows test by test."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from heracles_mm.checkpoints.writing import write_whole
from heracles_mm.errors import UserError


class Condition(NamedTuple):
    """What a test corrupts its pictures by."""

    corruption: str
    severity: int


CLEAN = Condition('clean', 0)


class CorruptionScores:
    """Metrics by test, kept in a JSON file.

    Args:
        path: of the file; what it holds is taken up.
        subject: says which model, data and metrics the scores are of, as any text.

    Raises:
        UserError: the file holds scores of another subject, or is damaged.
    """

    def __init__(self, path: Path, subject: str) -> None:
        self.path, self.subject = path, subject
        self.metrics: dict[Condition, dict[str, Any]] = {}
        if not path.exists():
            return
        try:
            kept = json.loads(path.read_text())
            tests = {Condition(one['corruption'], one['severity']): one for one in kept['tests']}
            whose = kept['subject']
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f'{path} cannot be read as scores of corruptions ({error}): move it away to test '
                'anew'
            ) from error
        if whose != subject:
            raise UserError(
                f'{path} has scores of another checkpoint, model, data or metrics: move it away, '
                'or give another --work-dir'
            )
        self.metrics = {test: one['metrics'] for test, one in tests.items()}

    def add(self, test: Condition, metrics: dict[str, Any]) -> None:
        """Keep the metrics of a test, also in the file.

        Raises:
            CheckpointError: the folder or the disk refuses it.
        """
        self.metrics[test] = metrics
        tests = [{**one._asdict(), 'metrics': found} for one, found in self.metrics.items()]
        content = json.dumps({'subject': self.subject, 'tests': tests}, indent=1)
        write_whole(content.encode(), self.path)

    def value(self, test: Condition, metric: str) -> float:
        """One score; 0 where a metric is absent, as mmdet's is where nothing is detected."""
        return self.metrics[test].get(metric) or 0.0

    def main_metric(self, preferred: Sequence[str]) -> str:
        """The first of the preferred metrics that there is, else the first number of all.

        Raises:
            UserError: no metric is a number.
        """
        clean = self.metrics[CLEAN]
        names = [*(name for name in preferred if name in clean), *_numbers(clean)]
        if not names:
            raise UserError('the metrics of test_evaluator are no numbers, which have no mean')
        return names[0]

    def summary(self, tests: Sequence[Condition]) -> dict[str, Any]:
        """All metrics clean and by test, their means over the corrupted tests (mPC in arXiv
        1907.07484) and what these are of the clean ones (rPC), None where a clean one is not above
        0."""
        clean = self.metrics[CLEAN]
        means = {name: mean(self.value(test, name) for test in tests) for name in _numbers(clean)}
        return {
            'clean': clean,
            'corrupted': [{**test._asdict(), 'metrics': self.metrics[test]} for test in tests],
            'mean': means,
            'share_of_clean': {
                name: means[name] / clean[name] if clean[name] > 0 else None for name in means
            },
        }


def _numbers(metrics: dict[str, Any]) -> list[str]:
    return [name for name, value in metrics.items() if isinstance(value, (int, float))]
