# The same schedule; before it starts, the label maps are checked against pictures and classes.
_base_ = './imagenet_310e.py'

custom_hooks = [*_base_.custom_hooks, dict(type='CheckLabelMapsHook')]
