"""For the programs that tests start, these are not installed. mmengine imports transformers, and
with it peft, for an optimizer that no test uses, half of a tool's start; mmdet, which mmseg and
mmpretrain import too, the others for tracking and PAA."""

import sys

for name in ('transformers', 'seaborn', 'sklearn'):
    sys.modules[name] = None  # type: ignore[assignment]
