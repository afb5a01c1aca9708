"""For the programs that tests start, these are not installed: the libraries import them, half of a
tool's start, for what no test uses: mmengine transformers, and with it peft, for an optimizer;
mmdet the other two for tracking."""

import sys

for name in ('transformers', 'seaborn', 'sklearn'):
    sys.modules[name] = None  # type: ignore[assignment]
