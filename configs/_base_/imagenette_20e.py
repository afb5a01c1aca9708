# Imagenette for 20 epochs, of which the last quarter sees lightly augmented pictures (assumed).
_base_ = ['./datasets/imagenette.py', './schedules/imagenette.py']

hooks = _base_.custom_hooks
last_quarter = dict(action_epoch=16, train_pipeline=_base_.last_pipeline)
custom_hooks = [*hooks, dict(type='SwitchRecipeHook', schedule=[last_quarter])]
