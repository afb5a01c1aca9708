# UperNet, HAMSA-nano, the embedded scenes, 900 iterations, batch 8, AdamW 3e-3, gradient clip 5.0:
# the segmentation demo with the other family, minutes on two CPU cores.
_base_ = [
    './_base_/models/upernet_nano.py',
    './_base_/datasets/scenes_semantic.py',
    './_base_/schedules/scenes_semantic.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='nano', img_size=160, drop_path_rate=0.0),
)
