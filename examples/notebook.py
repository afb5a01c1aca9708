import sys

from mmengine.config import Config
from mmengine.runner import Runner

cfg = Config.fromfile(sys.argv[1])  # its custom_imports bring heracles_mm in
cfg.work_dir = 'notebook'
runner = Runner.from_cfg(cfg)
runner.train()
