# UperNet, HAMSA-S, CamVid, 1k iterations, batch 8, Muon 1e-3, gradient clip 1.0: for a GPU.
# From random weights; with a classifier checkpoint of your own, such as that of
# hamsa_s_imagenette.py, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/upernet_camvid.py',
    './_base_/datasets/camvid.py',
    './_base_/schedules/camvid.py',
]

model = dict(
    backbone=dict(
        type='Hamsa',
        arch='s',
        img_size=128,  # the classifier's: its filters and kernels are kept as they are
        drop_path_rate=0.1,
    ),
    decode_head=dict(in_channels=[64, 128, 320, 448]),
    auxiliary_head=dict(in_channels=320),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
