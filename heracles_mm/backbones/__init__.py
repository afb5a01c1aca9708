"""The backbones, registered in mmengine's root registry."""

from heracles_mm.backbones.hamsa import Hamsa
from heracles_mm.backbones.heracles import Heracles

__all__ = ['Hamsa', 'Heracles']
