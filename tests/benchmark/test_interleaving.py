"""Every candidate takes its turn in every round, so that a busy machine is busy for all alike."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heracles_mm.benchmark import timing
from heracles_mm.benchmark.timing import Budget, Quartiles, interleave, ratios, schedule

CPU = torch.device('cpu')
NAMES = st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=6)


@given(names=NAMES, seed=st.integers(0, 1000))
def test_each_round_holds_every_name_once(names, seed):
    for taken in itertools.islice(schedule(names, seed), 8):
        assert sorted(taken) == sorted(names)


def test_everyone_is_first_and_last_now_and_then_and_a_seed_repeats_the_order():
    """Whoever always ran behind the same neighbour would always find that one's cache."""
    rounds = list(itertools.islice(schedule('abcd', 3), 60))
    assert {taken[0] for taken in rounds} == {taken[-1] for taken in rounds} == set('abcd')
    assert rounds == list(itertools.islice(schedule('abcd', 3), 60))


def test_calls_are_warmed_up_once_and_then_timed_in_rounds():
    called = []
    calls = {name: lambda name=name: called.append(name) for name in 'abc'}
    times = interleave(calls, Budget(rounds=4, seconds=0, most_rounds=9), CPU, seed=0)
    assert {name: len(values) for name, values in times.items()} == {'a': 4, 'b': 4, 'c': 4}
    assert len(called) == 3 * (1 + 4)
    for start in range(0, len(called), 3):
        assert sorted(called[start : start + 3]) == ['a', 'b', 'c']


def test_how_far_it_is_is_told_between_rounds_alone(monkeypatch):
    """What draws a bar must not do so while a call is timed."""
    events = []
    calls = {name: lambda name=name: events.append(name) for name in 'ab'}

    def timed(call, device):
        events.append('start')
        call()
        events.append('stop')
        return 0.5

    monkeypatch.setattr(timing, 'seconds', timed)
    interleave(calls, Budget(3, 0, 3), CPU, seed=0, note=events.append)
    assert events[:4] == ['warming up a', 'a', 'warming up b', 'b']
    assert [event for event in events if 'round' in event] == ['round 1', 'round 2', 'round 3']
    for index in (index for index, event in enumerate(events) if event == 'start'):
        assert events[index + 1] in 'ab' and events[index + 2] == 'stop'


@pytest.mark.parametrize(
    ('budget', 'rounds'),
    [
        (Budget(rounds=2, seconds=0, most_rounds=50), 2),  # at least these
        (Budget(rounds=2, seconds=9, most_rounds=50), 10),  # more, until the time is up
        (Budget(rounds=2, seconds=1000, most_rounds=50), 50),  # never more than these
        (Budget(rounds=60, seconds=0, most_rounds=50), 60),  # the user's own wish goes first
    ],
)
def test_the_budget_bounds_the_rounds(budget, rounds, monkeypatch):
    clock = itertools.count()  # a second per look, and it is looked at from the second round on
    monkeypatch.setattr(timing, 'seconds', lambda call, device: 0.5)
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: float(next(clock)))
    assert len(interleave({'a': lambda: None}, budget, CPU, seed=0)['a']) == rounds


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
    assert ratios(busy, 'b')['a'] == pytest.approx(ratios(calm, 'b')['a'])
    assert ratios(busy, 'b')['b'] == (1, 1, 1)


def test_quartiles_are_those_of_the_sorted_values():
    assert Quartiles.of([5, 1, 4, 2, 3]) == (2, 3, 4)
    assert Quartiles.of([7.0]) == (7, 7, 7)
