"""The programs that tests start are half imports. These packages are not installed for them:
mmengine imports transformers, and with it peft, for an optimizer that no test uses; mmdet, which
mmseg and mmpretrain import too, the others for tracking and PAA. And garbage is sought after
200,000 new objects, not after 700: importing the libraries makes 650,000 to stay."""

import gc
import sys

for name in ('transformers', 'seaborn', 'sklearn'):
    sys.modules[name] = None  # type: ignore[assignment]
gc.set_threshold(200_000)
