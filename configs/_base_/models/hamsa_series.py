# PatchTST's skeleton with HAMSA's mixer in every layer; every size is ours.
model = dict(
    type='Forecaster',
    horizon=int('{{$HORIZON:96}}'),
    loss='huber',
    backbone=dict(
        type='HamsaSeries',
        look_back=int('{{$LOOK_BACK:96}}'),
        patch=16,
        stride=8,
        dim=16,
        depth=3,
        hidden=32,
        dropout=0.2,
    ),
)
