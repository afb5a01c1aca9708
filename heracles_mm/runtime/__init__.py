"""Exported models without torch: numpy, Pillow and onnxruntime alone.

``Model(path)`` reads a file of ``tools/export_onnx.py`` and takes pictures to what the model finds
in them, in the pictures' own pixels. ``python -m heracles_mm.runtime FILE PICTURE...`` is the
command line.
"""

from heracles_mm.runtime.description import Description, Resize
from heracles_mm.runtime.model import Model
from heracles_mm.runtime.outcomes import ClassScores, Detections, LabelMap

__all__ = ['ClassScores', 'Description', 'Detections', 'LabelMap', 'Model', 'Resize']
