"""What a compiler that fuses would launch instead."""

from collections import defaultdict
from collections.abc import Sequence

from heracles_mm.roofline.launches import Access, Launch


def fused(launches: Sequence[Launch]) -> list[Launch]:
    """Chains of elementwise operators, copies, sums and norms as one launch each.

    What such a region makes for itself alone never reaches memory. Matrix products, convolutions,
    FFTs and attention stay as they are. The most that inductor can gain: it does not join every
    sum with what surrounds it.
    """
    regions = _regions(launches)
    members: dict[int, list[int]] = defaultdict(list)
    for index, region in enumerate(regions):
        members[region].append(index)
    readers: dict[int, set[int]] = defaultdict(set)
    for index, launch in enumerate(launches):
        for buffer, _ in launch.reads:
            readers[buffer].add(regions[index])
    return [
        launches[group[0]]
        if len(group) == 1
        else _joined([launches[index] for index in group], region, readers)
        for region, group in sorted(members.items(), key=lambda item: item[1][-1])
    ]


def _regions(launches: Sequence[Launch]) -> list[int]:
    """The region of each launch, named by its first.

    Two fusible launches share one if one reads what the other made and no way between them leads
    through a launch that is not fusible: then they have the same number of changes between
    fusible and not on the longest way from the start.
    """
    maker: dict[int, int] = {}
    levels: list[int] = []
    regions = list(range(len(launches)))

    def find(index: int) -> int:
        while regions[index] != index:
            index = regions[index]
        return index

    for index, launch in enumerate(launches):
        sources = {maker[buffer] for buffer, _ in launch.reads if buffer in maker}
        levels.append(
            max(
                (levels[s] + (not (launch.fusible and launches[s].fusible)) for s in sources),
                default=0,
            )
        )
        for source in sources:
            if launch.fusible and launches[source].fusible and levels[source] == levels[index]:
                first, second = sorted((find(source), find(index)))
                regions[second] = first
        for buffer, _ in launch.writes:
            maker[buffer] = index
    return [find(index) for index in range(len(launches))]


def _joined(group: Sequence[Launch], region: int, readers: dict[int, set[int]]) -> Launch:
    made: dict[int, int] = {}
    read: dict[int, int] = {}
    for launch in group:
        for buffer, size in launch.reads:
            if buffer not in made:
                read[buffer] = max(size, read.get(buffer, 0))
        for buffer, size in launch.writes:
            made[buffer] = size
    kept: list[Access] = [(b, size) for b, size in made.items() if readers[b] != {region}]
    longest = max(group, key=lambda launch: launch.bytes)
    return Launch(
        name=' + '.join(dict.fromkeys(launch.name for launch in group)),
        module=longest.module,
        kind='special',
        dtype=longest.dtype,
        operations=sum(launch.operations for launch in group),
        kernels=1,
        reads=tuple(read.items()),
        writes=tuple(kept),
        fusible=True,
    )
