"""Over series the mixers are those of maps of one row, wherever a map's other rows play no part."""

import torch

from heracles_mm.layers.attention import Attention
from heracles_mm.layers.spectral_mixer import SpectralMixer


def test_attention_over_a_series_is_that_over_a_map_of_one_row():
    layer = Attention(8, head_dim=4).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(layer(x), layer(x[:, None])[:, 0])


def test_the_spectral_mixer_of_a_series_is_that_of_a_map_of_one_row():
    """A map of one row meets the middle row of each 3x3 kernel alone."""
    series = SpectralMixer(8, (10,), 'cosine', 'gate').double()
    maps = SpectralMixer(8, (1, 10), 'cosine', 'gate').double()
    weights = series.state_dict()
    kernels = torch.randn(4, 1, 3, 3, dtype=torch.float64)
    kernels[:, :, 1] = weights['local.weight']
    maps.load_state_dict(
        weights | {'local.weight': kernels, 'filter.weight': weights['filter.weight'][:, None]}
    )
    x = torch.randn(2, 10, 8, dtype=torch.float64)
    torch.testing.assert_close(series(x), maps(x[:, None])[:, 0])
