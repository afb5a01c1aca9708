# A CSV of one's own, $CSV, else data/series.csv: a header, a column "date" of ISO times and columns
# of numbers. Its first 70 % of rows are for training, the next 10 % for choosing, the last for the
# test.
_base_ = './series.py'
csv_file = r"""{{$CSV:data/series.csv}}"""
parts = dict(csv_file=csv_file, split=dict(fractions=(0.7, 0.1, 0.2)))
train_dataloader = dict(dataset=parts)
val_dataloader = dict(dataset=parts)
test_dataloader = dict(dataset=parts)
