"""A name that lvis 0.5.3 evaluates by and numpy 1.24 took away: importing this gives it back.

LVIS' own package has no newer release, and mmdet's LVISMetric computes with it. Nothing is changed
where numpy has the name.
"""

import numpy as np

if not hasattr(np, 'float'):
    np.float = float  # type: ignore[attr-defined]
