_base_ = './imagenette_64.py'

model = dict(
    backbone=dict(type='Hamsa', arch='nano', img_size=64, out_indices=(3,), drop_path_rate=0.0),
)
