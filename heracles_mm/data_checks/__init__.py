"""What is wrong with the data of a run, found before its first step.

Each check yields its findings, one sentence each. Importing this registers CheckDataHook.
"""

from heracles_mm.data_checks.check_data_hook import CheckDataHook, CheckSegmentationHook
from heracles_mm.data_checks.content import check_data, content_fault
from heracles_mm.data_checks.paths import missing_data

__all__ = ['CheckDataHook', 'CheckSegmentationHook', 'check_data', 'content_fault', 'missing_data']
