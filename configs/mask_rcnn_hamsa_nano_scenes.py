# The demo with the other family: Mask R-CNN, nano HAMSA, the embedded scenes: minutes on two CPU
# cores.
_base_ = [
    './_base_/models/mask_rcnn_nano.py',
    './_base_/datasets/scenes_instance.py',
    './_base_/schedules/scenes.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='nano', img_size=160, drop_path_rate=0.0),
)
