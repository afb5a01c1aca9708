"""Pictures of what a model does (matplotlib). Each function takes data or a model and returns a
figure; :func:`save_figure` writes it as PNG or SVG."""

from heracles_mm.visualization.activation_maps import class_activation, plot_class_activation
from heracles_mm.visualization.activations import (
    activation_scales,
    plot_activations,
    plot_features,
)
from heracles_mm.visualization.curves import find_scalars, plot_curves, plot_runs, read_scalars
from heracles_mm.visualization.figures import save_figure
from heracles_mm.visualization.frequencies import (
    gate_values,
    plot_channels,
    plot_filters,
    plot_gates,
)
from heracles_mm.visualization.predictions import plot_predictions
from heracles_mm.visualization.receptive_field import (
    effective_receptive_field,
    plot_receptive_fields,
)

__all__ = [
    'activation_scales',
    'class_activation',
    'effective_receptive_field',
    'find_scalars',
    'gate_values',
    'plot_activations',
    'plot_channels',
    'plot_class_activation',
    'plot_curves',
    'plot_features',
    'plot_filters',
    'plot_gates',
    'plot_predictions',
    'plot_receptive_fields',
    'plot_runs',
    'read_scalars',
    'save_figure',
]
