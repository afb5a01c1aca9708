# UperNet, Heracles-nano, CamVid, 1k iterations, batch 8, Muon 2e-3, gradient clip 1.0.
# From random weights; with a classifier checkpoint of your own, such as that of
# heracles_nano_imagenette.py, add
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.prefix=backbone. \
#     model.backbone.init_cfg.checkpoint=PATH
_base_ = [
    './_base_/models/upernet_nano_camvid.py',
    './_base_/datasets/camvid.py',
    './_base_/schedules/camvid.py',
]

model = dict(
    backbone=dict(
        type='Heracles',
        arch='nano',
        spectral_stages=2,
        img_size=128,  # the classifier's: its filters and kernels are kept as they are
        drop_path_rate=0.0,
    ),
)
