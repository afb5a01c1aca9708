"""How far a long run is: a bar on stderr, or a line for each step where that is no terminal."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from heracles_mm.cli.running import print_line

PATIENCE = 1.0
"""Seconds between two notes that are drawn."""


class Steps:
    """The steps of a long run, as a context that may be entered again and again.

    Nothing is drawn but by these calls: no thread of rich runs beside what is timed between them.
    What goes to stdout belongs outside of the context.

    Args:
        name: of the program, which begins each line where stderr is no terminal.
        total: number of steps.
    """

    def __init__(self, name: str, total: int) -> None:
        self.name = name
        self._bar = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # which would write it to stderr
            redirect_stderr=False,
        )
        self._task = self._bar.add_task('', total=total, completed=-1)
        self._text, self._drawn = '', 0.0

    def __enter__(self) -> 'Steps':
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.console.is_terminal:
            self._bar.live.stop()

    def step(self, text: str) -> None:
        """The next step begins."""
        self._text = text
        self._bar.advance(self._task)
        if self._bar.console.is_terminal:
            self._draw(text)
        else:
            print_line(self.name, text)

    def note(self, text: str) -> None:
        """How far the step is: on a terminal alone, and at most once a second."""
        if self._bar.console.is_terminal and time.monotonic() - self._drawn >= PATIENCE:
            self._draw(f'{self._text}, {text}')

    def _draw(self, text: str) -> None:
        self._bar.update(self._task, description=text)
        self._bar.live.start()
        self._bar.refresh()
        self._drawn = time.monotonic()
