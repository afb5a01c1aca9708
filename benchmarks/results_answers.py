"""What docs/results.md concludes: how our models stand to their peers, to the aims, and to
their runs from random weights."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from itertools import chain
from statistics import mean
from typing import Any, NamedTuple

from common import BEYOND, FEW, WITHIN, mean_and_range, spread
from results_words import LARGE_PEERS, MEASURES, MODELS, PEER_NAMES, PEERS, TASKS, TITLES

Models = dict[str, list[dict[str, Any]]]  # model -> its seeds
Runs = dict[str, Models]  # by task


def scores(seeds: list[dict], measure: str) -> list[float]:
    """On a scale of 100."""
    return [one['scores'][measure] * MEASURES[measure][1] for one in seeds]


def score(seeds: list[dict], measure: str) -> str:
    """Mean and range over seeds."""
    return mean_and_range(scores(seeds, measure))


def apart(ours: list[dict], its: list[dict], measure: str) -> tuple[float, str]:
    """By how much ours are ahead in the mean, and how that lies to the spread of seeds."""
    values, others = scores(ours, measure), scores(its, measure)
    return mean(values) - mean(others), spread(values, others)


class Comparison(NamedTuple):
    """One measure of a family of ours and of one of its peers; ``lead`` is below 0 where the peer
    is ahead, ``lies`` how that lies to the spread of seeds."""

    task: str
    measure: str
    ours: str
    peer: str
    lead: float
    lies: str


def comparisons(runs: Runs) -> Iterator[Comparison]:
    for task, models in runs.items():
        for ours, peer in (*PEERS, *LARGE_PEERS):
            if models.keys() >= {ours, peer}:
                for measure in models[ours][0]['scores']:
                    lead = apart(models[ours], models[peer], measure)
                    yield Comparison(task, measure, ours, peer, *lead)


def goal(runs: Runs) -> Iterator[str]:
    """Of each measure of a task a line, whether the better of our families is ahead of all its
    peers, 'no' first; before them how many are so."""
    told: dict[str, list[str]] = {'no': [], 'open': [], 'yes': []}
    of_measure = defaultdict(list)
    for one in comparisons(runs):
        of_measure[one.task, one.measure].append(one)
    for (task, measure), all_of_it in of_measure.items():
        models = runs[task]
        ours = max({one.ours for one in all_of_it}, key=lambda x: mean(scores(models[x], measure)))
        its = [one for one in all_of_it if one.ours == ours]
        answer = 'yes' if {one.lies for one in its} == {BEYOND} else 'open'
        answer = 'no' if any(one.lead < 0 for one in its) else answer
        told[answer] += [
            f'* {TITLES[task]}, {MEASURES[measure][0]}: **{answer}**. {MODELS[ours]} '
            f'{score(models[ours], measure)}{beside(models, ours, measure)}.'
        ]
    asked = sum(map(len, told.values()))
    yield (
        f'Of {asked} measures: yes in {len(told["yes"])}, no in {len(told["no"])}, open in '
        f'{len(told["open"])}. No where a peer of its size is ahead, yes where ours is ahead of '
        'each by more than the spread of seeds, open where by less or with too few seeds to say.'
    )
    yield ''
    yield from chain(*told.values())
    if alone := [TITLES[task] for task in runs if task not in {task for task, _ in of_measure}]:
        yield f'* **no peer ran**: {"; ".join(alone)}.'


def counted(runs: Runs) -> str:
    """How often which peer is ahead, and how the other comparisons lie to the spread."""
    found = [*comparisons(runs)]
    ahead, rest = ([one for one in found if (one.lead < 0) is its] for its in (True, False))
    held, won = (Counter(kind(one.peer) for one in some) for some in (found, ahead))
    lies, its = (Counter(one.lies for one in some) for some in (rest, ahead))
    clear = Counter(TITLES[one.task] for one in rest if one.lies == BEYOND)
    counts = ', '.join(f'{name} in {won[name]} of {held[name]}' for name in held)
    where = '; '.join(f'{count} of {title}' for title, count in clear.items()) or 'on no task'
    return (
        'A comparison is of one measure of a family of ours with one peer; box AP and mask AP are '
        f'of the same runs. Ahead of ours are {counts}, {its[BEYOND]} times beyond the spread of '
        f'three seeds each. Ours is ahead in the other {len(rest)}, {lies[BEYOND]} times beyond it '
        f'({where}), {lies[WITHIN]} times within it, {lies[FEW]} times with fewer than three seeds.'
    )


def kind(model: str) -> str:
    """The first word of its name: all sizes of one architecture."""
    return MODELS[model].replace('-', ' ').split()[0]


def answers(task: str, runs: Runs) -> Iterator[str]:
    """A sentence for each model of ours: its scores, the aim, the gain by pretraining, and the best
    peer of its size; of its loss, where that was kept, both ends. Then the gain of each peer."""
    models, told = runs[task], TASKS[task]
    before = runs.get(told.scratch, {})
    for ours in (name for name in models if name not in PEER_NAMES):
        words = []
        for measure in models[ours][0]['scores']:
            value = mean(scores(models[ours], measure))
            about = f'{short(measure)} {value:.1f}'
            if aim := told.aims.get(measure):
                about += f', the aim of {aim} {"reached" if value >= aim else "missed"}'
            if ours in before:
                about += f', {gained(models[ours], before[ours], measure)}'
            words += [about + beside(models, ours, measure)]
        if losses := [value for _, value in models[ours][0]['curves'].get('loss', [])]:
            words += [f'training loss from {losses[0]:.1f} to {losses[-1]:.1f}']
        yield f'* **{MODELS[ours]}**: {"; ".join(words)}.'
    for peer in (name for name in models if name in before.keys() & PEER_NAMES):
        (ours,) = (one for one, its in (*PEERS, *LARGE_PEERS) if its == peer)
        gains = []
        for measure in models[peer][0]['scores']:
            gains += [f'{short(measure)} {gained(models[peer], before[peer], measure)}']
            if models.keys() & before.keys() >= {ours}:
                then, now = (apart(of[ours], of[peer], measure)[0] for of in (before, models))
                gains[-1] += f', our lead from {then:.1f} to {now:.1f}'
        yield f'* {MODELS[peer]}: {"; ".join(gains)}.'


def short(measure: str) -> str:
    return MEASURES[measure][0].removesuffix(', %')


def gained(seeds: list[dict], before: list[dict], measure: str) -> str:
    """Such as '+6.6 over random weights (fewer than three seeds)'."""
    gain, lies = apart(seeds, before, measure)
    return f'{gain:+.1f} over random weights ({lies})'


def beside(models: Models, ours: str, measure: str) -> str:
    """', 2.5 below ResNet, the best of 3 peers (...)', '' where no peer has run."""
    if not (peer := best_peer(models, ours, measure)):
        return ''
    lead, lies = apart(models[ours], models[peer], measure)
    count = len(peers_of(models, ours))
    which = f'the best of {count} peers' if count > 1 else 'its only peer here'
    side = 'below' if lead < 0 else 'above'
    return f', {abs(lead):.1f} {side} {kind(peer)}, {which} ({lies})'


def best_peer(models: Models, ours: str, measure: str) -> str:
    """Of the peers of its size that have run, '' where none has."""
    ran = peers_of(models, ours)
    return max(ran, key=lambda peer: mean(scores(models[peer], measure)), default='')


def peers_of(models: Container[str], ours: str) -> list[str]:
    """Those of its size."""
    return [peer for size, peer in (*PEERS, *LARGE_PEERS) if size == ours and peer in models]
