"""Every candidate takes its turn in every round, so that a busy machine is busy for all alike."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heracles_mm.benchmark import timing
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratio

NAMES = st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=6)


def rounds_of(names, seed: int, rounds: int) -> list[tuple[str, ...]]:
    """Who was called in which order, the warm-up first."""
    called = []
    calls = {name: lambda name=name: called.append(name) for name in names}
    times = interleave(calls, Budget(rounds, seconds=0, most_rounds=rounds), seed)
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(names, rounds)
    return list(zip(*[iter(called)] * len(names), strict=True))


@given(names=NAMES, seed=st.integers(0, 1000))
def test_the_warm_up_and_each_round_hold_every_name_once(names, seed):
    taken = rounds_of(names, seed, 8)
    assert len(taken) == 1 + 8
    assert all(sorted(one) == sorted(names) for one in taken)


def test_everyone_is_first_and_last_now_and_then_and_a_seed_repeats_the_order():
    """Whoever always ran after the same neighbour would always find that one's cache."""
    _, *rounds = rounds_of('abcd', 3, 60)
    assert {taken[0] for taken in rounds} == {taken[-1] for taken in rounds} == set('abcd')
    assert rounds == rounds_of('abcd', 3, 60)[1:]


def test_progress_is_shown_between_rounds_alone(monkeypatch):
    """What draws a bar must not do so while a call is timed."""
    events = []

    def timer():
        events.append('timer')
        return 0.0

    monkeypatch.setattr(timing, 'timer', timer)
    calls = {name: lambda name=name: events.append(name) for name in 'ab'}
    interleave(calls, Budget(3, 0, 3), seed=0, on_progress=events.append)
    assert events[:4] == ['warming up a', 'a', 'warming up b', 'b']
    assert [event for event in events if 'round' in event] == ['round 1', 'round 2', 'round 3']
    first = events.index('round 1')
    for index in range(first, len(events)):
        if events[index] in 'ab':
            assert events[index - 1] == events[index + 1] == 'timer'


@pytest.mark.parametrize(
    ('budget', 'rounds'),
    [
        (Budget(rounds=2, seconds=0, most_rounds=50), 2),  # at least these
        (Budget(rounds=2, seconds=9, most_rounds=50), 4),  # more, until the time is up
        (Budget(rounds=2, seconds=1000, most_rounds=50), 50),  # never more than these
        (Budget(rounds=60, seconds=0, most_rounds=50), 60),  # what the user asks for goes first
    ],
)
def test_the_budget_bounds_the_rounds(budget, rounds, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(timing, 'timer', lambda: float(next(clock)))  # a second per look
    found = interleave({'a': lambda: None}, budget, seed=0)['a']
    assert found == [1.0] * rounds


@given(
    rounds=st.lists(
        st.tuples(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.01, 100)),
        min_size=1,
        max_size=7,
    )
)
def test_ratios_forget_what_slowed_a_whole_round(rounds):
    """They are taken round by round: a factor common to a round cancels."""
    calm = {'a': [a for a, _, _ in rounds], 'b': [b for _, b, _ in rounds]}
    busy = {'a': [a * load for a, _, load in rounds], 'b': [b * load for _, b, load in rounds]}
    assert ratio(busy['a'], busy['b']) == pytest.approx(ratio(calm['a'], calm['b']))
    assert ratio(busy['b'], busy['b']) == (1, 1, 1)


def test_quartiles_are_those_of_the_sorted_values():
    assert Quartiles.of([5, 1, 4, 2, 3]) == (2, 3, 4)
    assert Quartiles.of([7.0]) == (7, 7, 7)
