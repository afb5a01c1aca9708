"""The programs that tests start spend most of their time on imports. These packages are not
installed for them: mmengine imports transformers, and with it peft, for an optimizer that no test
uses; mmdet, which mmseg and mmpretrain import too, the others for tracking and PAA. And garbage is
sought seldom, since nearly all that an import makes stays."""

import gc
import sys

for name in ('transformers', 'seaborn', 'sklearn'):
    sys.modules[name] = None  # type: ignore[assignment]
gc.set_threshold(200_000)
