# PatchTST's skeleton with Heracles' mixers; every size is assumed.
model = dict(
    type='Forecaster',
    horizon=int('{{$HORIZON:96}}'),
    loss='huber',
    backbone=dict(
        type='HeraclesSeries',
        look_back=int('{{$LOOK_BACK:96}}'),
        spectral_layers=1,
        transform='cosine',
        patch=16,
        stride=8,
        dim=16,
        depth=3,
        hidden=32,
        dropout=0.2,
    ),
)
