"""Two steps of the toy with a backbone."""

_base_ = 'toy_config.py'
custom_imports = dict(imports=['toy_parts', 'toy_spectral'], allow_failed_imports=False)
model = dict(_delete_=True, type='ToySpectral')
train_cfg = dict(max_iters=2, val_interval=2)
