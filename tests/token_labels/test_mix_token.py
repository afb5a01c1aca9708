"""MixToken: every label cell belongs to the picture its tokens came from, for any size."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('mmpretrain', reason='MixToken is part of an mmpretrain classifier')
from heracles_mm.token_labels.mix_token import MixToken

sides = st.integers(1, 70)
seeds = st.integers(0, 2**20)


@given(sides, sides, seeds, st.integers(1, 5))
def test_tokens_and_labels_are_cut_alike(height, width, seed, batch):
    """Tokens that carry the number of their picture, and labels too: after mixing, each cell's
    label is the picture of every token in it, and `kept` is the share of own tokens."""
    mix = MixToken()
    picture = torch.arange(batch).view(-1, 1, 1, 1)
    tokens = picture.expand(batch, height, width, 1)
    cells = picture.expand(batch, -(-height // 8), -(-width // 8), 1)
    np.random.seed(seed)
    mixed, cut = mix(tokens)
    labels = cut.mix(cells)
    spread = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width]
    assert torch.equal(mixed, spread)
    middle = batch // 2 if batch % 2 else -1  # which is mixed with itself
    for i in range(batch):
        if i != middle:
            own = (mixed[i] == i).double().mean().item()
            assert own == pytest.approx(cut.kept)
            assert set(mixed[i].unique().tolist()) <= {i, batch - 1 - i}
    assert torch.equal(tokens, picture.expand_as(tokens))  # the input is not written to


def upstream_rand_bbox(rows, columns, lam):
    """As published (tlt and Wave-ViT, scale=8): note that its first axis is the rows."""
    cut_rat = np.sqrt(1.0 - lam)
    cut_w, cut_h = int(rows * cut_rat), int(columns * cut_rat)
    cx, cy = np.random.randint(rows), np.random.randint(columns)
    x = np.clip([cx - cut_w // 2, cx + cut_w // 2], 0, rows)
    y = np.clip([cy - cut_h // 2, cy + cut_h // 2], 0, columns)
    return x[0], x[1], y[0], y[1]


@given(st.integers(1, 12), st.integers(1, 12), seeds)
def test_the_box_is_upstreams(rows, columns, seed):
    """Same numbers drawn, same box, where the tokens are whole cells; and upstream's lam."""
    np.random.seed(seed)
    expected = upstream_rand_bbox(rows, columns, np.random.beta(1.0, 1.0))
    np.random.seed(seed)
    cut = MixToken().draw(8 * rows, 8 * columns)
    assert (cut.top, cut.bottom, cut.left, cut.right) == expected
    area = (cut.bottom - cut.top) * (cut.right - cut.left) / (rows * columns)
    assert cut.kept == pytest.approx(1 - area)


def test_options_out_of_range_are_refused():
    for options in (dict(alpha=0.0), dict(stride=0)):
        with pytest.raises(ValueError, match='alpha above 0 and a stride of at least 1'):
            MixToken(**options)
