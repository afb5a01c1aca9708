"""Local files that appear whole or not at all."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

ATOMIC_LOCAL = 'heracles_mm_atomic_local'


@register_backend(ATOMIC_LOCAL)
class AtomicLocalBackend(LocalBackend):
    """mmengine's local storage, whose ``put`` survives being killed.

    The bytes go to ``<name>.part`` beside the file, which is then renamed: a reader finds the file
    as it was before or the new one, never a half. A killed write leaves the ``.part`` behind, and
    the next write of that name overwrites it.

    ``remove`` waits for the next file of the same folder and suffix: mmengine removes an old
    checkpoint before it writes the new one, so that a kill in between could leave a run of
    ``max_keep_ckpts=1`` without any.
    """

    _to_remove: list[Path] = []

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``, making its folder where needed."""
        target = Path(os.path.abspath(filepath))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + '.part')
        try:
            with open(part, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            self.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @classmethod
    def replace(cls, part: str | Path, filepath: str | Path) -> None:
        """Rename a file that is written, and remove those that waited for it."""
        target = Path(os.path.abspath(filepath))
        os.replace(part, target)
        place = target.parent, target.suffix
        for old in [old for old in cls._to_remove if (old.parent, old.suffix) == place]:
            cls._to_remove.remove(old)
            if old != target:
                old.unlink(missing_ok=True)

    def remove(self, filepath: str | Path) -> None:
        """Remove a file as soon as another one of its kind is written."""
        self._to_remove.append(Path(os.path.abspath(filepath)))
