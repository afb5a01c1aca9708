"""The options of a config that nothing uses."""

from pathlib import Path

from mmengine.config import Config
from signatures import unknown_options
from variables import READ_ELSEWHERE, own_names


def unused_options(cfg: Config, unread: set[str]) -> list[str]:
    """Paths of the options that no constructor takes, or that nobody read in a run.

    Args:
        cfg: the config.
        unread: what ``run_once`` left unread.
    """
    excused = own_names(Path(cfg.filename)) | set(READ_ELSEWHERE)
    excused = {path for path in excused if path in unread}  # not what a runner read under that name
    idle = {path for path in unread if not any(f'{path}.'.startswith(f'{e}.') for e in excused)}
    return sorted(idle | set(unknown_options(cfg)))
