"""Pictures of what a model does (matplotlib). Each function takes data or a model and returns a
figure; :func:`save_figure` writes it as PNG or SVG."""

from heracles_mm.visualization.activations import activation_scales, plot_activations
from heracles_mm.visualization.classes import plot_classes
from heracles_mm.visualization.costs import plot_costs
from heracles_mm.visualization.curves import plot_curves, plot_runs
from heracles_mm.visualization.detections import LEAST_SCORE, Detections, plot_detections
from heracles_mm.visualization.features import plot_features
from heracles_mm.visualization.filter_weights import plot_channels, plot_filters
from heracles_mm.visualization.gates import gate_values, plot_gates
from heracles_mm.visualization.receptive_field import (
    effective_receptive_field,
    plot_receptive_fields,
)
from heracles_mm.visualization.saving import check_picture_path, save_figure
from heracles_mm.visualization.scalars import counts_epochs, find_scalars, read_scalars
from heracles_mm.visualization.semantic_maps import plot_label_maps

__all__ = [
    'LEAST_SCORE',
    'Detections',
    'activation_scales',
    'check_picture_path',
    'counts_epochs',
    'effective_receptive_field',
    'find_scalars',
    'gate_values',
    'plot_activations',
    'plot_channels',
    'plot_classes',
    'plot_costs',
    'plot_curves',
    'plot_detections',
    'plot_features',
    'plot_filters',
    'plot_gates',
    'plot_label_maps',
    'plot_receptive_fields',
    'plot_runs',
    'read_scalars',
    'save_figure',
]
