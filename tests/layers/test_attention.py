"""Attention: the formula, and what a bound on keys and values changes."""

import pytest
import torch

from heracles_mm import Heracles
from heracles_mm.layers.attention import Attention


def written_out(module: Attention, x: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Queries of ``x``, keys and values of ``cells``, head by head."""
    tokens, others = x.flatten(1, 2), cells.flatten(1, 2)
    q, (k, v) = module.q(tokens), module.kv(others).chunk(2, dim=-1)
    heads = []
    for start in range(0, q.shape[-1], module.head_dim):
        part = slice(start, start + module.head_dim)
        scores = q[..., part] @ k[..., part].mT / module.head_dim**0.5
        heads.append(scores.softmax(-1) @ v[..., part])
    return module.proj(torch.cat(heads, -1)).view_as(x)


def make(kv_grid=None):
    torch.manual_seed(0)
    return Attention(8, 4, kv_grid).double()


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (4, 4)], ids=str)
@pytest.mark.parametrize('kv_grid', [None, 5])
def test_a_map_within_the_bound_is_attended_to_in_full(size, kv_grid):
    x = torch.randn(2, *size, 8, dtype=torch.float64)
    module = make(kv_grid)
    torch.testing.assert_close(module(x), written_out(module, x, x))


@pytest.mark.parametrize('size', [(6, 8), (6, 3), (2, 4)], ids=str)
def test_a_larger_map_has_the_averages_of_keys_and_values(size):
    """Cells that divide the map evenly: their averages written out with a reshape."""
    module, x = make(2), torch.randn(2, *size, 8, dtype=torch.float64)
    height, width = min(size[0], 2), min(size[1], 2)
    if size[1] % width:
        x = x[:, :, : size[1] // width * width]
    cells = x.reshape(2, height, x.shape[1] // height, width, x.shape[2] // width, 8).mean((2, 4))
    torch.testing.assert_close(module(x), written_out(module, x, cells))


def test_averaging_first_averages_the_keys_and_values():
    """The linear layer commutes with averages, which is why the cheap order is right."""
    module, x = make(2), torch.randn(1, 4, 4, 8, dtype=torch.float64)
    after = module.kv(x).reshape(1, 2, 2, 2, 2, 16).mean((2, 4))
    torch.testing.assert_close(module.kv(module._cells(x)), after)


def test_a_constant_map_stays_constant_under_any_bound():
    """Averages of equal tokens are these tokens."""
    x = torch.randn(8, dtype=torch.float64).expand(1, 9, 7, 8)
    torch.testing.assert_close(make(2)(x), make()(x))


def test_the_bound_changes_no_weight_and_nothing_at_its_own_size():
    """Trained at 224 px without it, used with it: 28 positions are stage 2's map at 224 px."""
    plain, bounded = Heracles('nano'), Heracles('nano', kv_grid=28)
    bounded.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(bounded.eval()(x), plain.eval()(x))
        wide = torch.randn(1, 3, 64, 320)
        assert not torch.allclose(bounded(wide)[1], plain(wide)[1])


@pytest.mark.parametrize('wrong', [0, -1, True, 2.0, '28'])
def test_a_bound_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match='kv_grid must be None or a positive whole number'):
        Heracles('nano', kv_grid=wrong)
