# Runtime shared by every config; `default_scope` stands with each task's data set.
custom_imports = dict(
    imports=['heracles_mm', 'heracles_mm.engine'],
    allow_failed_imports=False,
)
custom_hooks = [
    dict(type='CheckDataHook'),  # before a run, unless our tools have done it
    dict(type='RehearsalHook'),  # one step before the run
    dict(type='PlainCheckpointHook'),  # checkpoints of tensors and plain data only
    dict(type='LoadReportHook'),  # what a checkpoint brings the whole model
    dict(type='EagerOptimizerHook'),  # with compile=True
]

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
check_data = 'sample'  # 'off', or 'full' for the content of every file
load_from = None
resume = False
