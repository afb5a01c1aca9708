# What forecasters need beside the shared runtime: their parts, and the linear map they begin as.
_base_ = './default_runtime.py'
custom_imports = dict(imports=['heracles_mm', 'heracles_mm.engine', 'heracles_mm.forecasting'])
custom_hooks = [*_base_.custom_hooks, dict(type='LinearStartHook')]
