"""What docs/visualize.md says about TensorBoard is so: one option on the command line."""

from pathlib import Path

import pytest

pytest.importorskip('tensorboard', reason='it comes with the extra dev')

from heracles_mm.cli.train import main
from heracles_mm.visualization import find_scalars, read_scalars

ROOT = Path(__file__).resolve().parents[2]
TOY_CONFIG = ROOT / 'tests' / 'cli' / 'toy' / 'toy_config.py'
OPTION = 'visualizer.vis_backends.0.type=TensorboardVisBackend'


def test_tensorboard_gets_what_the_local_log_gets(tmp_path, monkeypatch):
    """Two runs of one seed: the events of one are the lines of the other."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert OPTION in (ROOT / 'docs' / 'visualize.md').read_text()
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'logged.py'
    config.write_text(
        f"_base_ = '{TOY_CONFIG}'\n"
        "visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])\n"
    )
    for name, option in (('local', ''), ('events', OPTION)):
        options = ['--cfg-options', f'experiment_name={name}', *([option] if option else [])]
        assert main([str(config), '--work-dir', name, *options]) == 0
    (file,) = (tmp_path / 'events').rglob('events.out.tfevents.*')
    events = EventAccumulator(str(file))
    events.Reload()
    logged = read_scalars(find_scalars(tmp_path / 'local'), 'loss')
    assert [event.step for event in events.Scalars('loss')] == [step for step, _ in logged]
    assert [event.value for event in events.Scalars('loss')] == pytest.approx(
        [value for _, value in logged], rel=1e-6
    )
