"""The cache of tables is bounded, and what it holds is safe to use anywhere."""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from heracles_mm.spectral import dct2, dht2
from heracles_mm.spectral.tables import CACHE, TableCache


def test_a_table_is_built_once_while_it_stays():
    cache, built = TableCache(max_bytes=100), []

    def build():
        built.append(1)
        return torch.zeros(10)

    assert cache.get(('a',), build) is cache.get(('a',), build)
    assert len(built) == 1


def test_the_least_recently_used_goes_first():
    cache = TableCache(max_bytes=80)  # two tables of 40 bytes
    first, second = (cache.get((name,), lambda: torch.zeros(10)) for name in 'ab')
    assert cache.get(('a',), lambda: None) is first
    cache.get(('c',), lambda: torch.zeros(10))
    assert cache.get(('a',), lambda: None) is first
    assert cache.get(('b',), lambda: torch.ones(10)) is not second


def test_any_number_of_sizes_stays_within_the_bound():
    for size in range(2, 400):
        dct2(torch.ones(size, size))
    assert 0 < CACHE.bytes <= CACHE.max_bytes
    assert CACHE.bytes == sum(table.nbytes for table in CACHE._tables.values())


def test_a_table_made_without_gradients_serves_with_them():
    """A tensor made under inference_mode may not be saved for backward."""
    CACHE.clear()
    with torch.inference_mode():
        dct2(torch.ones(11, 11)), dht2(torch.ones(11, 11))
    x = torch.randn(11, 11, requires_grad=True)
    (dct2(x) + dht2(x)).sum().backward()
    assert x.grad.isfinite().all()


def test_a_traced_graph_leaves_no_fake_tensor_behind():
    CACHE.clear()
    with FakeTensorMode():
        assert dct2(torch.ones(12, 12)).shape == dht2(torch.ones(12, 12)).shape == (12, 12)
    assert len(CACHE) == 0
    dct2(torch.ones(12, 12))
    with FakeTensorMode():
        dct2(torch.ones(12, 12))


def test_tables_are_computed_on_the_device_of_the_input():
    assert dct2(torch.ones(6, 6, device='meta')).device.type == 'meta'
