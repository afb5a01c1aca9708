# Mask2Former for label maps, by mmdet's head in mmseg; a config that uses it gives
# `model.backbone`, `model.decode_head.in_channels` and, for data other than ADE20K,
# `model.decode_head.num_classes` and `loss_cls.class_weight`, one longer.
_base_ = './mask2former_head.py'

model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(512, 512),  # training pictures are padded to it
        pad_val=0,
        seg_pad_val=255,
    ),
    decode_head=dict(
        num_classes=150,
        align_corners=False,
        loss_cls=dict(class_weight=[1.0] * 150 + [0.1], **_base_.loss_cls),
        train_cfg=_base_.matching,
        **_base_.mask2former,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
