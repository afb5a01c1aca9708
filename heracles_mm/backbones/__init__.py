"""The backbones, registered in mmengine's root registry."""

from heracles_mm.backbones.heracles import Heracles

__all__ = ['Heracles']
