# ETTh1 and ETTh2: 12, 4 and 4 months of 30 days. The folder with both is $ETT_ROOT, else data/ett/
# below the working directory.
_base_ = './series.py'
data_root = r"""{{$ETT_ROOT:data/ett/}}"""
etth = dict(data_root=data_root, split=dict(months=(12, 4, 4)))
train_dataloader = dict(dataset=etth)
val_dataloader = dict(dataset=etth)
test_dataloader = dict(dataset=etth)
# The published loaders leave out the test windows that fill no batch of 128.
test_evaluator = dict(whole_batches=128)
