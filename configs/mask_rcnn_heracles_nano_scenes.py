# Mask R-CNN, Heracles-nano, the embedded scenes, 720 iterations, batch 8, AdamW 1e-3, gradient clip
# 5.0: the demo, minutes on two CPU cores.
_base_ = [
    './_base_/models/mask_rcnn_nano.py',
    './_base_/datasets/scenes_instance.py',
    './_base_/schedules/scenes.py',
]

model = dict(
    backbone=dict(
        type='Heracles', arch='nano', spectral_stages=2, img_size=160, drop_path_rate=0.0
    ),
)
