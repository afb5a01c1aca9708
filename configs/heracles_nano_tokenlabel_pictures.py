# Token-label classifier, Heracles-nano, a folder of pictures, 10 epochs, batch 16, AdamW 1e-3,
# gradient clip 5.0: MixToken and the loss of heracles_s_tokenlabel_imagenet.py at a size for two
# CPU cores (docs/token_labels.md).
_base_ = [
    './_base_/models/token_label_classifier.py',
    './_base_/datasets/pictures_tokenlabel.py',
    './_base_/schedules/parts.py',
]

model = dict(
    data_preprocessor=dict(num_classes=9),
    backbone=dict(type='Heracles', arch='nano', spectral_stages=2, img_size=96, drop_path_rate=0.0),
    neck=dict(type='ClassAttentionBlock', in_channels=192),
    head=dict(num_classes=9, in_channels=192, topk=(1,)),
)
custom_hooks = [*_base_.custom_hooks, dict(type='CheckLabelMapsHook')]
