# Crops of DETR's training: the shorter side one of 480 to 800, half of the pictures cropped from a
# copy of another size first, the longer side of that copy at most 1333 or of any length.
scales = [(side, 1333) for side in range(480, 801, 32)]
resize = dict(type='RandomChoiceResize', scales=scales, keep_ratio=True)
crop = dict(
    type='RandomCrop',
    crop_type='absolute_range',
    crop_size=(384, 600),
    allow_negative_crop=True,
)
copy = dict(
    type='RandomChoiceResize', scales=[(400, 1333), (500, 1333), (600, 1333)], keep_ratio=True
)
long_copy = dict(
    type='RandomChoiceResize', scales=[(400, 4200), (500, 4200), (600, 4200)], keep_ratio=True
)
crops = dict(type='RandomChoice', transforms=[[resize], [copy, crop, resize]])
long_crops = dict(type='RandomChoice', transforms=[[resize], [long_copy, crop, resize]])
