"""What is wrong with the data of a run, found before its first step.

Each check yields its findings, one sentence each. Importing this registers CheckDataHook.
"""

from heracles_mm.data_checks.check_data_hook import CheckDataHook
from heracles_mm.data_checks.content import check_data
from heracles_mm.data_checks.paths import missing_data

__all__ = ['CheckDataHook', 'check_data', 'missing_data']
