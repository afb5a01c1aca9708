# The classifier with an auxiliary head on every patch, taught by token labels. MixToken replaces
# mixup and cutmix; a prediction adds half of the best patch.
_base_ = './classifier.py'

model = dict(
    mix_token=dict(type='MixToken'),
    head=dict(
        _delete_=True,
        type='TokenLabelHead',
        num_classes=1000,
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02),
    ),
    train_cfg=None,
)
