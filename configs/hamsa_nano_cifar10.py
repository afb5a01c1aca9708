# Classifier, HAMSA-nano, CIFAR-10 at 128 px, 5 epochs, batch 64, Muon 2e-3, gradient clip 1.0 (the
# recipe is assumed).
# From random weights; with a classifier checkpoint of your own, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/pooled_classifier.py',
    './_base_/datasets/cifar10_folders.py',
    './_base_/schedules/transfer_5e.py',
]

model = dict(
    backbone=dict(type='Hamsa', arch='nano', img_size=128, out_indices=(3,), drop_path_rate=0.0),
)
