"""For the programs that tests start, transformers is not installed: mmengine imports it, and with
it peft, for an optimizer that no test uses, which is half of a tool's start."""

import sys

sys.modules['transformers'] = None  # type: ignore[assignment]
