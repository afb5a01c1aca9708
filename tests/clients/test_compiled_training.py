"""mmengine's ``compile=True`` trains our detector, segmentor and classifier."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from small_runs import CONFIGS, SMALL, forget_instances


def weights_after_a_step(library: str, folder, **options) -> dict[str, torch.Tensor]:
    forget_instances()
    cfg = Config.fromfile(CONFIGS[library])
    small = dict(option.split('=') for option in SMALL[library]) | {'train_cfg.val_interval': 10}
    cfg.merge_from_dict({key: int(value) for key, value in small.items()})
    cfg.merge_from_dict(options)
    cfg.work_dir, cfg.log_level, cfg.check_data = str(folder), 'ERROR', 'off'
    cfg.custom_hooks, cfg.param_scheduler = [dict(type='EagerOptimizerHook')], []
    runner = Runner.from_cfg(cfg)
    runner.train()
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


@pytest.mark.parametrize(
    'library',
    [
        'mmpretrain',
        pytest.param('mmseg', marks=pytest.mark.slow),
        pytest.param('mmdet', marks=pytest.mark.slow),
    ],
)
def test_a_compiled_step_is_an_eager_one(library, tmp_path):
    """Read and cut into graphs as for any backend, run without generated code, which takes
    minutes to make. AdamW's first step is as large for every gradient, so the sign of one near 0
    may differ; a wrong graph would move all."""
    pytest.importorskip(library)
    eager = weights_after_a_step(library, tmp_path)
    torch._dynamo.reset()
    compiled = weights_after_a_step(library, tmp_path, compile=dict(backend='eager'))
    torch._dynamo.reset()
    far = sum((compiled[n] - eager[n]).abs().gt(1e-4).sum().item() for n in eager)
    assert far < 0.01 * sum(value.numel() for value in eager.values())
