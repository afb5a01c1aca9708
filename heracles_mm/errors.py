"""What the user can put right: one sentence that says what is wrong, what is allowed, what to do.

The command lines print such an error as one line; every other error keeps its traceback.
"""

import functools
import inspect
import re
from collections import abc

_WORKER_TRACEBACK = re.compile(r'Caught .*\n[\w.]+: ', re.DOTALL)


class UserError(Exception):
    """A mistake in options, data, files or the installation."""

    def __init__(self, message: str) -> None:
        """A worker of a DataLoader hands its whole traceback on; only the last line is kept."""
        super().__init__(_WORKER_TRACEBACK.sub('', message).strip())


class UsageError(UserError, ValueError, TypeError):
    """A function or a module was given what it does not take."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint is missing, damaged or refused."""


class DamagedCheckpointError(CheckpointError):
    """The file is cut short or changed, or never was a checkpoint."""


class DataError(UserError):
    """Data of a run are missing, damaged or do not fit."""


class ModelFileError(UserError):
    """An exported model is damaged, of another kind or release, or cannot run here."""


class LabelMapError(DataError):
    """Label maps cannot be made, read or used."""


class CacheError(UserError, OSError):
    """The cache folder cannot hold the data."""


def checks_option_names(init: abc.Callable) -> abc.Callable:
    """Let an ``__init__`` name its allowed arguments in the error for a wrong one."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def checked(self, *args, **kwargs):
        try:
            signature.bind(self, *args, **kwargs)
        except TypeError as error:
            allowed = ', '.join(list(signature.parameters)[1:])
            raise UsageError(f'{type(self).__name__}: {error}, allowed are {allowed}') from None
        init(self, *args, **kwargs)

    return checked
