# Classifier, HAMSA-nano, a folder of pictures, 10 epochs, batch 16, AdamW 1e-3, gradient clip 5.0:
# mean pooling and one linear layer. Minutes on two CPU cores.
_base_ = './heracles_nano_pictures.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='Hamsa',
        arch='nano',
        img_size=96,
        out_indices=(3,),
        drop_path_rate=0.0,
    ),
)
