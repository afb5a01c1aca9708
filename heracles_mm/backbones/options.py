"""Misspelt options are answered with the ones there are."""

import functools
import inspect
from collections.abc import Callable

from heracles_mm.errors import UsageError


def names_its_options(init: Callable) -> Callable:
    """Let an ``__init__`` name its allowed arguments in the TypeError for a wrong one."""
    signature = inspect.signature(init)
    allowed = list(signature.parameters)[1:]

    @functools.wraps(init)
    def checked(self, *args, **kwargs):
        try:
            signature.bind(self, *args, **kwargs)
        except TypeError as error:
            name = type(self).__name__
            raise UsageError(f'{name}: {error}, allowed are {", ".join(allowed)}') from None
        init(self, *args, **kwargs)

    return checked
