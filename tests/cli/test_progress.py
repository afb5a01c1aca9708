"""A long run says how far it is on stderr, and changes neither stdout nor what is timed."""

import io
import sys
import threading

import pytest

from heracles_mm.cli import progress
from heracles_mm.cli.progress import Steps


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    """Make stderr a terminal; to be called in the test, as pytest sets stderr anew before it."""
    for name in ('TERM', 'NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE', 'TTY_INTERACTIVE'):
        monkeypatch.delenv(name, raising=False)

    def open_now() -> Terminal:
        monkeypatch.setattr(sys, 'stderr', Terminal())
        return sys.stderr

    return open_now


def test_a_log_gets_one_line_for_each_step(capsys):
    steps = Steps('tool', 2)
    for text in ('first', 'second'):
        with steps:
            steps.step(text)
            steps.note('round 1')
    assert capsys.readouterr() == ('', 'tool: first\ntool: second\n')


def test_a_terminal_gets_a_bar_that_goes_and_comes_and_stdout_is_left_alone(open_terminal, capsys):
    """rich redirects stdout to where its bar is, unless told not to: into stderr, not a file."""
    terminal = open_terminal()
    steps = Steps('tool', 3)
    with steps:
        steps.step('first')
        print('kept')
    assert 'first' in terminal.getvalue() and '0/3' in terminal.getvalue()
    with steps:
        steps.step('second')
    assert '1/3' in terminal.getvalue()
    assert terminal.getvalue().count('\x1b[?25l') == terminal.getvalue().count('\x1b[?25h') == 2
    assert capsys.readouterr().out == 'kept\n'


def test_notes_are_drawn_once_a_second_at_most(open_terminal, monkeypatch):
    terminal = open_terminal()
    now = [100.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    with Steps('tool', 1) as steps:
        steps.step('first')
        for count in range(1, 31):
            now[0] += 0.1
            steps.note(f'round {count}')
    drawn = [count for count in range(31) if f'first, round {count} ' in terminal.getvalue()]
    assert 2 <= len(drawn) <= 3  # in three seconds


def test_no_thread_runs_beside_what_is_timed(open_terminal):
    terminal = open_terminal()
    before = threading.active_count()
    with Steps('tool', 1) as steps:
        steps.step('first')
        assert 'first' in terminal.getvalue()
        assert threading.active_count() == before


def test_the_cursor_comes_back_after_an_error(open_terminal):
    terminal = open_terminal()
    with pytest.raises(KeyboardInterrupt), Steps('tool', 1) as steps:
        steps.step('first')
        raise KeyboardInterrupt
    assert terminal.getvalue().rindex('\x1b[?25h') > terminal.getvalue().rindex('\x1b[?25l')


def test_a_tool_says_that_scenes_are_composed(tmp_path, monkeypatch, capsys):
    """It takes seconds, once; a plain import of the data sets needs no rich and says nothing."""
    from heracles_mm.cli.running import run_tool
    from heracles_mm.datasets import ensure_scenes
    from heracles_mm.datasets.spec import ScenesSpec

    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path))
    spec = ScenesSpec(num_train=1, num_val=1, size=64, objects=(1, 1), object_px=(20, 30))
    assert run_tool('tool', lambda: ensure_scenes(spec)) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'tool: composing 1 + 1 scenes in {tmp_path}')
    assert run_tool('tool', lambda: ensure_scenes(spec)) == 0
    assert capsys.readouterr().err == ''
