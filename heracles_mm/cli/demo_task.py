"""What a task tells the demo."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoTask:
    """What the demo measures and shows of one task.

    Args:
        measures: name in the report -> (scalar that is logged, name for a reader).
        full_scale: the logged value that the report calls 1.
        curves: names of the measures that are drawn over the steps.
        ylabel: what the curves are of.
        curve_file: their picture's name in the work folder.
    """

    measures: dict[str, tuple[str, str]]
    full_scale: float
    curves: tuple[str, ...]
    ylabel: str
    curve_file: str
