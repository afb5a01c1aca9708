# Classifier, ConvNeXt-nano, Imagenette, 20 epochs, batch 32, Muon 3e-3, gradient clip 1.0: a peer
# under the same recipe, mmpretrain's ConvNeXt (arXiv 2201.03545) narrowed to the size of
# heracles_nano_imagenette.py at 128 px (tools/get_flops.py --device cpu): 2.22M parameters and
# 0.158 G multiply-adds, there 2.19M and 0.159 G.
_base_ = ['./_base_/models/pooled_classifier.py', './_base_/imagenette_20e.py']

model = dict(
    backbone=dict(
        type='ConvNeXt',
        arch=dict(depths=[2, 2, 8, 2], channels=[40, 80, 136, 200]),
        drop_path_rate=0.0,
    ),
    neck=None,  # ConvNeXt pools before its last norm
    head=dict(in_channels=200),
)
