"""From launches to seconds: the roofline's formula, its caches, and what fusing saves."""

import math
from dataclasses import replace

import pytest
import torch

from heracles_mm.errors import UserError
from heracles_mm.roofline.devices import GPUS, Device, device_of, read_device, write_device
from heracles_mm.roofline.estimate import in_a_graph, seconds_of, shares
from heracles_mm.roofline.fusion import fused
from heracles_mm.roofline.launches import Launch

DEVICE = Device(
    name='toy',
    source='made up',
    rates={'matmul': {'float32': 1e3, 'bfloat16': 4e3}},
    memory=((100, 1e3), (math.inf, 1e2)),
    launch=0.5,
    is_cuda=True,
)


def launch(name='add', reads=(), writes=(), operations=0, dtype=torch.float32, kernels=1):
    product = name == 'mm'
    kind = 'matmul' if product else 'simple'
    return Launch(name, '', kind, dtype, operations, kernels, reads, writes, not product)


@pytest.mark.parametrize(
    ('operations', 'dtype', 'size', 'seconds'),
    [
        (2000, torch.float32, 50, 2.5),  # operations at their rate, and the launch
        (2000, torch.bfloat16, 50, 1.0),
        (2000, torch.float16, 50, 0.55),  # no peak of that dtype: memory alone
        (100, torch.float32, 90, 0.6),
        (0, torch.float32, 200, 2.5),  # too large for the cache
    ],
)
def test_the_longer_of_work_and_memory_and_the_launch(operations, dtype, size, seconds):
    each = launch('mm', writes=((1, size),), operations=operations, dtype=dtype)
    assert seconds_of([each], DEVICE) == [pytest.approx(seconds)]


def test_new_memory_costs_and_what_is_written_to_again_does_not():
    device = replace(DEVICE, new_memory=((50, 10.0), (math.inf, 1.0)))
    large, small = launch(writes=((1, 90),)), launch(writes=((2, 40),))
    plain = seconds_of([large, small, large, small], DEVICE)
    extra = [
        b - a for a, b in zip(plain, seconds_of([large, small, large, small], device), strict=True)
    ]
    assert extra == [pytest.approx(90), pytest.approx(4), 0, 0]


def test_what_was_touched_lately_is_in_the_cache():
    """40 bytes are read back at once, and again after 80 others: 120 bytes back."""
    made = launch(writes=((1, 40),))
    soon = launch(reads=((1, 40),))
    others = launch(reads=((2, 80),))
    times = [time - DEVICE.launch for time in seconds_of([made, soon, others, soon], DEVICE)]
    assert times[1] == pytest.approx(0.04)
    assert times[3] == pytest.approx(0.4)


def test_what_is_read_for_the_last_time_makes_place():
    """A chain of maps, each a little less than the cache, runs in the cache."""
    chain = [launch(writes=((0, 90),))]
    chain += [launch(reads=((i, 90),), writes=((i + 1, 90),)) for i in range(5)]
    assert sum(seconds_of(chain, DEVICE)) == pytest.approx(6 * 0.5 + 11 * 0.09)


def test_shares_are_the_whole():
    each = [launch('mm', writes=((i, 10),), operations=1000) for i in range(3)] + [launch()]
    times = seconds_of(each, DEVICE)
    found = shares(each, times, lambda one: one.name)
    assert list(found) == ['mm', 'add']
    assert sum(part.seconds for part in found.values()) == pytest.approx(sum(times))
    assert (found['mm'].kernels, found['mm'].operations, found['mm'].bytes) == (3, 3000, 30)


def test_a_graph_saves_launches_alone():
    each = [launch(writes=((1, 50),))] * 4
    saved = sum(seconds_of(each, DEVICE)) - sum(seconds_of(each, in_a_graph(DEVICE)))
    assert saved == pytest.approx(4 * (0.5 - 1e-6))


def test_a_chain_is_fused_and_its_inner_maps_never_reach_memory():
    chain = [
        launch('relu', ((0, 10),), ((1, 10),)),
        launch('mul', ((1, 10), (2, 4)), ((3, 10),)),
        launch('sum', ((3, 10),), ((4, 1),)),
    ]
    (one,) = fused(chain)
    assert one.kernels == 1
    assert one.reads == ((0, 10), (2, 4))
    assert one.writes == ((4, 1),)


def test_what_another_reads_is_written_and_products_stay_alone():
    relu = launch('relu', ((0, 10),), ((1, 10),))
    product = launch('mm', ((1, 10),), ((2, 10),), operations=7)
    added = launch('add', ((1, 10), (2, 10)), ((3, 10),))
    after = launch('neg', ((3, 10),), ((4, 10),))
    first, second, third = fused([relu, product, added, after])
    assert first.writes == ((1, 10),)  # the product needs it
    assert second is product
    # Not with the relu: the way from it leads through the product.
    assert (third.reads, third.writes) == (((1, 10), (2, 10)), ((4, 10),))


def test_fusing_never_adds_bytes_or_operations():
    chain = [launch('mul', ((i // 2, 10),), ((i + 1, 10),)) for i in range(6)]
    assert sum(one.bytes for one in fused(chain)) <= sum(one.bytes for one in chain)


def test_published_peaks_are_ordered():
    """A newer tensor core is no slower, a half type no slower than float32, and every GPU has a
    source: a slip of the pen would show."""
    rates = [GPUS[name].rate('matmul', torch.float16) for name in ('V100', 'A100', 'H100')]
    assert rates == sorted(rates)
    for device in GPUS.values():
        assert device.source.startswith('published')
        for kind in ('matmul', 'conv', 'attention'):
            half = device.rate(kind, torch.float16)
            assert half >= device.rate(kind, torch.float32) >= device.rate('fft', torch.complex64)


def test_a_measured_device_survives_its_file(tmp_path):
    write_device(tmp_path / 'toy.json', DEVICE)
    assert read_device(tmp_path / 'toy.json') == DEVICE
    assert device_of(str(tmp_path / 'toy.json')) == DEVICE


@pytest.mark.parametrize('text', ['B200', 'absent.json', 'broken.json'])
def test_another_device_is_answered_with_what_there_is(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'broken.json').write_text('{}')
    with pytest.raises(UserError, match=r'choose V100, A100|make one with --measure'):
        device_of(text)
