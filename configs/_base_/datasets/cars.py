# Stanford Cars: 8144 pictures to train on, 8041 to test on. The folder that holds car_ims/ and
# cars_annos.mat, or cars_train/, cars_test/ and devkit/, is $CARS_ROOT, else data/stanford_cars/.
_base_ = './finetune.py'

data_root = r"""{{$CARS_ROOT:data/stanford_cars/}}"""
load = dict(type='LoadImageFromFile')
train_224, train_384 = [load, *_base_.train_224], [load, *_base_.train_384]
test_224, test_384 = [load, *_base_.test_224], [load, *_base_.test_384]

train_dataloader = dict(
    dataset=dict(type='StanfordCars', data_root=data_root, split='train', pipeline=train_224),
)
val_dataloader = dict(
    dataset=dict(type='StanfordCars', data_root=data_root, split='test', pipeline=test_224),
)
test_dataloader = val_dataloader
