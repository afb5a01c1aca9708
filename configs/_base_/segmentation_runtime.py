# Runtime of every segmentation config: counted in iterations, the data checked before and during a
# run, BatchNorm joined over the GPUs where there are several.
_base_ = './default_runtime.py'
custom_imports = dict(
    imports=[
        'heracles_mm',
        'heracles_mm.engine',
        'heracles_mm.datasets.segmentation',
        'heracles_mm.datasets.segmentation_metrics',
        'heracles_mm.engine.segmentation_visualizer',
    ],
)
custom_hooks = [
    dict(type='CheckDataHook'),  # before a run, and the label values of each batch
    dict(type='RehearsalHook'),
    dict(type='PlainCheckpointHook'),
    dict(type='LoadReportHook'),
    dict(type='EagerOptimizerHook'),
]
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False),
    visualization=dict(type='SegVisualizationHook'),  # draws only under `--show-dir`
)
log_processor = dict(by_epoch=False)
sync_bn = 'torch'
