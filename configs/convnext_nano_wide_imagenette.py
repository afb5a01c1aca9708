# Classifier, ConvNeXt-nano-wide, Imagenette, 20 epochs, batch 32, Muon 3e-3, gradient clip 1.0: a
# peer under the same recipe, narrowed to the size of hamsa_nano_imagenette.py at 128 px
# (tools/get_flops.py --device cpu): 2.93M parameters and 0.213 G multiply-adds, there 2.90M and
# 0.214 G.
_base_ = './convnext_nano_imagenette.py'

model = dict(backbone=dict(arch=dict(channels=[44, 88, 168, 200])))
