# Classifier, Heracles-nano, Imagenette, 20 epochs, batch 32, Muon 3e-3, gradient clip 1.0: from
# random weights at 128 px (the recipe is assumed).
_base_ = ['./_base_/models/pooled_classifier.py', './_base_/imagenette_20e.py']

model = dict(
    backbone=dict(
        type='Heracles',
        arch='nano',
        spectral_stages=2,
        img_size=128,
        out_indices=(3,),
        drop_path_rate=0.0,
    ),
)
