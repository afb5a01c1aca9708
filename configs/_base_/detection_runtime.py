# What mmdet's models need beside the shared runtime.
_base_ = './default_runtime.py'
default_hooks = dict(visualization=dict(type='DetVisualizationHook'))  # draws under `--show-dir`
