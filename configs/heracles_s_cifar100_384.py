# Classifier, Heracles-S, CIFAR-100 at 384 px, 100 epochs, batch 128, AdamW 1e-4, fine-tuned from
# the classifier in $PRETRAINED: its filters are resampled to the larger maps.
_base_ = './heracles_s_cifar100.py'

model = dict(backbone=dict(img_size=384))
train_dataloader = dict(dataset=dict(pipeline=_base_.train_384))
val_dataloader = dict(dataset=dict(pipeline=_base_.test_384))
test_dataloader = val_dataloader
