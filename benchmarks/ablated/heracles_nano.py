_base_ = './imagenette_64.py'

model = dict(
    backbone=dict(
        type='Heracles',
        arch='nano',
        spectral_stages=2,
        img_size=64,
        out_indices=(3,),
        drop_path_rate=0.0,
    ),
)
