"""The whole model's report inside mmengine's own runner, with no tool of ours."""

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from toy_spectral import ToySpectral

import heracles_mm.engine  # noqa: F401
from heracles_mm.checkpoints import CheckpointError, loading

TOY = Path(__file__).resolve().parents[1] / 'cli' / 'toy'
numbers = itertools.count()


@pytest.fixture
def log(monkeypatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(loading, 'print_log', lambda text, **options: messages.append(text))
    return messages


@pytest.fixture
def runner(tmp_path):
    def build(load_from=None, hooks=('LoadReportHook',), **options):
        cfg = Config.fromfile(TOY / 'spectral_config.py')
        cfg.work_dir, cfg.load_from = str(tmp_path), str(load_from) if load_from else None
        cfg.custom_hooks = [
            {'type': hook} if isinstance(hook, str) else hook
            for hook in ('PlainCheckpointHook', *hooks)
        ]
        cfg.experiment_name = f'spectral_{next(numbers)}'
        cfg.merge_from_dict(options)
        return Runner.from_cfg(cfg)

    return build


@pytest.fixture
def saved(tmp_path):
    """Save what ``change`` leaves of a model's weights; gives the model and the file."""

    def save(change=lambda state: {'state_dict': state}):
        model = ToySpectral()
        torch.save(change(model.state_dict()), tmp_path / 'saved.pth')
        return model, tmp_path / 'saved.pth'

    return save


def reports(log):
    return [message for message in log if ': loaded ' in message]


def lines(report):
    return {line.split()[0]: line.split()[1:4] for line in report.splitlines()[1:]}


def without(*prefixes):
    return lambda state: {
        'state_dict': {k: w for k, w in state.items() if not k.startswith(prefixes)}
    }


def test_one_report_of_the_whole_model_takes_the_place_of_the_backbones(runner, saved, log):
    model, path = saved(without('head'))
    run = runner(path)
    run.load_or_resume()
    (report,) = reports(log)
    assert report.startswith('ToySpectral: loaded ')
    assert lines(report)['backbone.stages.0'] == ['37', 'of', '37']
    assert lines(report)['neck'] == ['2', 'of', '2']
    assert lines(report)['head'] == ['0', 'of', '2']
    assert torch.equal(run.model.neck.weight, model.neck.weight)


def test_training_may_start_without_heads_and_a_test_may_not(runner, saved, log):
    _, path = saved(without('head'))
    runner(path).train()
    with pytest.raises(
        CheckpointError, match=r'2 missing \(head.weight, head.bias\); a test needs'
    ):
        runner(path).test()


def test_a_model_trained_behind_its_load_can_be_tested(runner, saved):
    _, path = saved(without('head'))
    run = runner(path)
    run.train()
    assert run.test()['count'] == 16


def of_classes(*classes):
    meta = {'dataset_meta': {'classes': classes}}
    return lambda state: {'state_dict': state, 'meta': meta}


def test_classes_that_the_data_number_otherwise_cannot_be_tested(runner, saved):
    """mmengine would measure one class as another, which is near zero without a word."""
    _, path = saved(of_classes('curve', 'line'))
    with pytest.raises(CheckpointError, match=r"'line' is label 1 of the checkpoint and 0 of test"):
        runner(path).test()
    runner(path).train()  # its heads learn the data's


def test_other_names_of_the_classes_are_said_and_tested(runner, saved, log):
    _, path = saved(of_classes('curve'))
    assert runner(path).test()['count'] == 16
    assert 'the checkpoint has the classes curve and test_dataloader.dataset line' in log[-1]
    _, path = saved(of_classes('line'))
    runner(path).test()
    assert len([one for one in log if 'has the classes' in one]) == 1


def test_a_head_of_other_classes_cannot_be_tested(runner, saved):
    """mmengine skips it with a warning and measures noise."""
    _, path = saved()
    with pytest.raises(CheckpointError, match='2 of another shape'):
        runner(path, **{'model.classes': 3}).test()


def test_strict_loading_false_lets_a_part_be_tested(runner, saved):
    _, path = saved(without('head', 'backbone.stages.3'))
    assert runner(path, **{'model.strict_loading': False}).test()['count'] == 16


@pytest.mark.parametrize('lost', ['backbone.stages.3.', 'backbone.'])
def test_half_a_backbone_stops_training_with_one_report(lost, runner, saved, log):
    _, path = saved(without(lost))
    with pytest.raises(CheckpointError, match=r'of Heracles.*strict_loading=False'):
        runner(path).train()
    assert len(reports(log)) == 1


WRAPPED = {
    'model': lambda state: {'model': state},
    'DDP': lambda state: {'model': {f'module.{key}': value for key, value in state.items()}},
    'another name': lambda state: {
        key.replace('backbone.', 'encoder.'): value for key, value in state.items()
    },
}


@pytest.mark.parametrize('hooks', [('LoadReportHook',), ('LoadReportHook', 'EMAHook')], ids=str)
@pytest.mark.parametrize('wrapping', WRAPPED)
def test_wrappings_and_prefixes_are_recognised_before_other_hooks_look(
    wrapping, hooks, runner, saved
):
    """EMAHook reads checkpoint['state_dict'] itself."""
    model, path = saved(WRAPPED[wrapping])
    run = runner(path, hooks)
    run.call_hook('before_run')
    run.load_or_resume()
    for key, value in model.state_dict().items():
        assert torch.equal(run.model.state_dict()[key], value), key


def test_a_bare_backbone_starts_a_detector(runner, tmp_path, log):
    backbone = ToySpectral().backbone
    torch.save(backbone.state_dict(), tmp_path / 'bare.pth')
    run = runner(tmp_path / 'bare.pth')
    run.load_or_resume()
    assert torch.equal(
        run.model.backbone.stages[0].embed.proj.weight, backbone.stages[0].embed.proj.weight
    )
    assert "stand under ''" in log[0]


def test_resuming_is_reported_and_goes_on_as_before(runner, tmp_path, log):
    hooks = ('LoadReportHook', 'EMAHook')
    runner(hooks=hooks).train()
    log.clear()
    resumed = runner(tmp_path / 'iter_2.pth', hooks, resume=True)
    resumed.train()
    assert resumed.iter == 2
    assert reports(log)[0].startswith('ToySpectral: loaded 107 of 107')


def test_without_the_hook_the_backbone_still_speaks_and_refuses(runner, saved, log):
    """A user's own config and mmdet's own tools."""
    _, path = saved()
    runner(path, hooks=()).load_or_resume()
    assert [report.split(':')[0] for report in reports(log)] == ['Heracles']
    _, path = saved(WRAPPED['model'])
    with pytest.raises(CheckpointError, match="weights stand in its entry 'model'"):
        runner(path, hooks=()).load_or_resume()


def test_models_without_our_backbones_are_left_alone(tmp_path, log):
    cfg = Config.fromfile(TOY / 'toy_config.py')
    cfg.work_dir, cfg.custom_hooks = str(tmp_path), [{'type': 'LoadReportHook'}]
    cfg.experiment_name = f'spectral_{next(numbers)}'
    run = Runner.from_cfg(cfg)
    torch.save({'model': {}}, tmp_path / 'x.pth')
    run.load_checkpoint(str(tmp_path / 'x.pth'))
    assert log == []
