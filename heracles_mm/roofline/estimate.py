"""From what is launched to seconds on a device."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from heracles_mm.roofline.devices import GRAPH_LAUNCH, Device
from heracles_mm.roofline.launches import PER_ELEMENT, Access, Launch


@dataclass(frozen=True)
class Share:
    """A part of a pass: kernels, operations (two to a multiply-add), bytes, seconds."""

    kernels: int
    operations: int
    bytes: int
    seconds: float


def in_a_graph(device: Device) -> Device:
    """The device where a CUDA graph replays its kernels."""
    return replace(device, launch=GRAPH_LAUNCH)


def seconds_of(launches: Sequence[Launch], device: Device) -> list[float]:
    """Of each launch: the longer of its operations at the peak rate of their kind and dtype and its
    bytes at the memory's, what new memory costs, and what its kernels cost to launch."""
    reach = _Reach(launches)
    times = []
    known: set[int] = set()
    for launch in launches:
        known.update(buffer for buffer, _ in launch.reads)
        anew = sum(device.allocation(size) for buffer, size in launch.writes if buffer not in known)
        known.update(buffer for buffer, _ in launch.writes)
        moved = sum(size / device.bandwidth(back) for size, back in reach.of(launch))
        work = launch.operations / device.rate(launch.kind, launch.dtype)
        times.append(max(work, moved) + anew + launch.kernels * device.launch)
    return times


def shares(
    launches: Sequence[Launch], times: Sequence[float], key: Callable[[Launch], str]
) -> dict[str, Share]:
    """The parts of a pass by a name for each launch, the longest first."""
    groups: dict[str, list[tuple[Launch, float]]] = {}
    for launch, time in zip(launches, times, strict=True):
        groups.setdefault(key(launch), []).append((launch, time))
    parts = {
        name: Share(
            sum(launch.kernels for launch, _ in group),
            sum(operations(launch) for launch, _ in group),
            sum(launch.bytes for launch, _ in group),
            sum(time for _, time in group),
        )
        for name, group in groups.items()
    }
    return dict(sorted(parts.items(), key=lambda part: -part[1].seconds))


def operations(launch: Launch) -> int:
    """Multiplications and additions: elements are none."""
    return 0 if launch.kind in PER_ELEMENT else launch.operations


class _Reach:
    """How many bytes back each access lies: those of other buffers in use that were touched since.

    A pass follows an equal one, so that weights were last touched a pass ago. What is read for the
    last time leaves its place to what is written next, and what is written lies as far back as it
    is large.
    """

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.last_use = {
            buffer: index
            for index, launch in enumerate(launches)
            for buffer, _ in launch.reads + launch.writes
        }
        self.index = 0
        self.recent: OrderedDict[int, int] = OrderedDict()  # buffer -> bytes, the latest at the end
        self.made = {buffer for launch in launches for buffer, _ in launch.writes}
        for launch in launches:
            for buffer, size in launch.reads:
                if buffer not in self.made:
                    self._touch(buffer, size)

    def of(self, launch: Launch) -> Iterable[Access]:
        """(bytes, bytes back) of every access."""
        found = []
        for buffer, size in launch.reads:
            found.append((size, self._distance(buffer, size)))
            self._touch(buffer, size)
        for buffer, size in launch.writes:
            found.append((size, size))
            self._touch(buffer, size)
        for buffer, _ in launch.reads:
            if self.last_use[buffer] == self.index and buffer in self.made:
                self.recent.pop(buffer, None)
        self.index += 1
        return found

    def _touch(self, buffer: int, size: int) -> None:
        self.recent[buffer] = max(size, self.recent.pop(buffer, 0))

    def _distance(self, buffer: int, size: int) -> int:
        total = 0
        for other, held in reversed(self.recent.items()):
            if other == buffer:
                break
            total += held
        return total + size
