# Forecaster, HAMSA-series, a CSV of series, 2 epochs, batch 32, AdamW 5e-4, gradient clip 1.0:
# $LOOK_BACK rows (96) of $CSV to the $HORIZON after them (96).
_base_ = [
    './_base_/models/hamsa_series.py',
    './_base_/datasets/csv.py',
    './_base_/schedules/series.py',
]
work_dir = './work_dirs/hamsa_csv_{{$LOOK_BACK:96}}_{{$HORIZON:96}}'
