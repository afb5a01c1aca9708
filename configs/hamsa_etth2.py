# Forecaster, HAMSA-series, ETTh2, 2 epochs, batch 32, AdamW 5e-4, gradient clip 1.0: $LOOK_BACK
# hours (96) to the $HORIZON after them (96).
_base_ = [
    './_base_/models/hamsa_series.py',
    './_base_/datasets/etth2.py',
    './_base_/schedules/series.py',
]
work_dir = './work_dirs/hamsa_etth2_{{$LOOK_BACK:96}}_{{$HORIZON:96}}'
