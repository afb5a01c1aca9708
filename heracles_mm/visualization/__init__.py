"""Pictures of what a model does (matplotlib). Each function takes data and returns a figure."""

from heracles_mm.visualization.costs import plot_costs
from heracles_mm.visualization.curves import plot_curves
from heracles_mm.visualization.detections import Detections, plot_detections
from heracles_mm.visualization.label_maps import plot_label_maps
from heracles_mm.visualization.scalars import read_scalars

__all__ = [
    'Detections',
    'plot_costs',
    'plot_curves',
    'plot_detections',
    'plot_label_maps',
    'read_scalars',
]
