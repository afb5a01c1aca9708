"""The random numbers of a process, put down as plain data and taken up again."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank


def random_state() -> dict[str, Any]:
    """The states of Python's, numpy's and torch's generators, the current GPU's too."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state()
    name, key, position, has_gauss, cached = legacy
    state = {
        'python': (version, torch.tensor(words), gauss),
        'numpy': (name, torch.from_numpy(key.astype(np.int64)), position, has_gauss, cached),
        'torch': torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Take up what :func:`random_state` gave; a GPU's state only where there is one."""
    version, words, gauss = state['python']
    random.setstate((version, tuple(words.tolist()), gauss))
    name, key, position, has_gauss, cached = state['numpy']
    np.random.set_state((name, key.cpu().numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state['torch'].cpu().byte())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu().byte())


def separate_ranks() -> None:
    """Give each process but the first random numbers of its own, from those that all share now."""
    if rank := get_rank():
        seed = int(torch.randint(2**31, ())) + rank
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
