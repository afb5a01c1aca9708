"""How a model's scores hold when its pictures are corrupted: noise, blur, weather, compression."""

from heracles_mm.robustness.corrupt_picture import CorruptPicture, corruption_names
from heracles_mm.robustness.corruption_scores import CLEAN, Condition, CorruptionScores
from heracles_mm.robustness.score_plot import plot_scores

__all__ = [
    'CLEAN',
    'Condition',
    'CorruptPicture',
    'CorruptionScores',
    'corruption_names',
    'plot_scores',
]
