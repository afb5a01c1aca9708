"""Classification with mmpretrain: the class token, its classifier and heads.

Needs mmpretrain; name ``heracles_mm.classification`` in a config's ``custom_imports``. Importing it
registers these modules and those of ``heracles_mm.token_labels``, and adds the configs of this
package to mmpretrain's model hub, under their file names.
"""

from pathlib import Path

from mmpretrain.apis.model import ModelHub

import heracles_mm.token_labels  # noqa: F401  (registers MixToken, the transforms and the hook)
from heracles_mm.classification.class_block import ClassAttentionBlock, ClassSpectralBlock
from heracles_mm.classification.classifier import ClassTokenClassifier
from heracles_mm.classification.token_label_head import TokenLabelHead

__all__ = ['ClassAttentionBlock', 'ClassSpectralBlock', 'ClassTokenClassifier', 'TokenLabelHead']

_MIM = Path(__file__).parents[1] / '.mim'
if not ModelHub.has('heracles_s_imagenet'):
    for _name in ('metafile_heracles.yml', 'metafile_hamsa.yml'):
        ModelHub.register_model_index(_MIM / 'configs' / _name, config_prefix=_MIM)
