# What mmpretrain's models need beside the shared runtime.
_base_ = './default_runtime.py'
custom_imports = dict(
    imports=['heracles_mm', 'heracles_mm.engine', 'heracles_mm.classification'],
)
default_hooks = dict(visualization=dict(type='VisualizationHook', enable=False))
