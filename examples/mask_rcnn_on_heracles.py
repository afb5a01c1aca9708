_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['heracles_mm'], allow_failed_imports=False)
model = dict(
    backbone=dict(_delete_=True, type='Heracles', arch='s', spectral_stages=1),
    neck=dict(in_channels=[64, 128, 320, 448]),
)
