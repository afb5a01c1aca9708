# UperNet for the 11 classes of CamVid and crops of its pictures' size, 480x360. A small picture's
# crop is mostly padding: the loss is the mean over the labelled pixels.
_base_ = './upernet.py'

loss = dict(avg_non_ignore=True)
model = dict(
    data_preprocessor=dict(size=(360, 480)),
    decode_head=dict(num_classes=11, loss_decode=loss),
    auxiliary_head=dict(num_classes=11, loss_decode=loss),
)
