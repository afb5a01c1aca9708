# The classifier with backbone and class block of a checkpoint, the file $PRETRAINED (else
# pretrained.pth); its head stays behind. Filters and kernels of another size are resampled.
_base_ = './classifier.py'

checkpoint = '{{$PRETRAINED:pretrained.pth}}'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')),
    neck=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='neck.')),
)
