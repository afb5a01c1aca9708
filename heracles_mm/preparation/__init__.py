"""Public data sets, from the files that their authors distribute to what mmdet and mmseg read.

Each of the four functions reads and checks everything and returns the files to write, and
``write_whole_folder`` writes them all or none: see docs/public_data.md.
"""

from heracles_mm.preparation.camvid import camvid
from heracles_mm.preparation.coco_subset import coco_subset
from heracles_mm.preparation.dsb2018 import dsb2018
from heracles_mm.preparation.penn_fudan import penn_fudan
from heracles_mm.preparation.whole_folder import free_folder, write_whole_folder

__all__ = [
    'camvid',
    'coco_subset',
    'dsb2018',
    'free_folder',
    'penn_fudan',
    'write_whole_folder',
]
