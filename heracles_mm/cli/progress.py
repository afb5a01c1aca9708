"""How far a long run is: a bar on stderr, or a line for each step where that is no terminal."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from heracles_mm.cli.running import print_line

PATIENCE = 1.0
"""Seconds between two notes that are drawn."""


class Steps:
    """The steps of a long run, as a context: told as each begins, drawn on stderr.

    Nothing is drawn but by these calls: no thread of rich runs beside what is timed between them.
    The context may be entered again and again; what goes to stdout belongs outside of it.

    Args:
        name: of the program, which begins each line where stderr is no terminal.
        total: number of steps.
    """

    def __init__(self, name: str, total: int) -> None:
        self.name = name
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._bar = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # which would write it to stderr
            redirect_stderr=False,
        )
        self._task = self._bar.add_task('', total=total)
        self._begun = 0
        self._text = ''
        self._drawn = 0.0

    def __enter__(self) -> 'Steps':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._bar.live.stop()

    def step(self, text: str) -> None:
        """Say that the next step begins."""
        self._text = text
        self._begun += 1
        if self._live:
            self._draw(text)
        else:
            print_line(self.name, text)

    def note(self, text: str) -> None:
        """Say how far the step is: on a terminal alone, and at most once a second."""
        if self._live and time.monotonic() - self._drawn >= PATIENCE:
            self._draw(f'{self._text}, {text}')

    def _draw(self, text: str) -> None:
        self._bar.update(self._task, description=text, completed=self._begun - 1)
        self._bar.live.start()
        self._bar.refresh()
        self._drawn = time.monotonic()
