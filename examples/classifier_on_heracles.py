_base_ = 'mmpretrain::resnet/resnet50_8xb32_in1k.py'
custom_imports = dict(imports=['heracles_mm'], allow_failed_imports=False)
model = dict(
    backbone=dict(_delete_=True, type='Heracles', arch='s', spectral_stages=1),
    head=dict(in_channels=448),
)
