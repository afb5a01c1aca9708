"""Every backbone of the package at a small size: what the contract tests run over."""

from heracles_mm import Hamsa, Heracles

TINY = dict(stem_width=8, embed_dims=(32, 32, 64, 64), depths=(1, 2, 1, 1), mlp_ratios=(2, 2, 2, 2))

# Name to (class, the options that make its variant).
BACKBONES = {
    'heracles-cosine': (Heracles, dict()),
    'heracles-cosine-2': (Heracles, dict(spectral_stages=2)),
    'heracles-hartley': (Heracles, dict(transform='hartley')),
    'heracles-hartley-convolution': (
        Heracles,
        dict(transform='hartley', hartley_product='convolution'),
    ),
    'heracles-kv-grid': (Heracles, dict(kv_grid=3)),
    'heracles-all-attention': (Heracles, dict(spectral_stages=0)),
    'heracles-all-spectral': (Heracles, dict(spectral_stages=4)),
    'hamsa': (Hamsa, dict()),
    'hamsa-grid': (Hamsa, dict(fft_axes='grid')),
    'hamsa-real': (Hamsa, dict(kernel='real')),
    'hamsa-grid-real': (Hamsa, dict(fft_axes='grid', kernel='real')),
}


def tiny(name: str, **options):
    """The named backbone, a few thousand parameters wide, for 64 px by default."""
    backbone, variant = BACKBONES[name]
    return backbone(**{'arch': TINY, 'img_size': 64, **variant, **options})
