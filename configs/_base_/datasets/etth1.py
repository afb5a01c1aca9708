_base_ = './etth.py'
train_dataloader = dict(dataset=dict(csv_file='ETTh1.csv'))
val_dataloader = dict(dataset=dict(csv_file='ETTh1.csv'))
test_dataloader = dict(dataset=dict(csv_file='ETTh1.csv'))
