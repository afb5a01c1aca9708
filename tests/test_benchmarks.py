"""The scripts whose figures the documents quote still run (small; no figure is judged)."""

import json
import os
import runpy
import shutil
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from processes import with_path

BENCHMARKS = Path(__file__).parents[1] / 'benchmarks'


def run(script: str, *args: object) -> str:
    """What a script prints, in this process: its imports cost more than its work here."""
    here = Path.cwd()
    with (
        pytest.MonkeyPatch.context() as patch,
        mock.patch.dict(os.environ, PYTHONPATH=with_path(BENCHMARKS.parent)),
        redirect_stdout(StringIO()) as printed,
    ):
        patch.chdir(here)  # where some scripts leave it
        patch.syspath_prepend(BENCHMARKS)
        patch.setattr(sys, 'argv', [script, *map(str, args)])
        try:
            runpy.run_path(str(BENCHMARKS / script), run_name='__main__')
        except SystemExit as end:
            assert not end.code
    return printed.getvalue()


def test_transform_routes_compares_both_transforms():
    lines = run('transform_routes.py', '--sizes', 8, '--channels', 2, '--runs', 1).splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [['cosine', '8'], ['hartley', '8']]


def test_transform_errors_stay_in_what_the_documents_promise():
    for line in run('transform_errors.py').splitlines()[1:]:
        name, rest = line.split(':')
        limit = 1e-5 if 'float32' in name else 1e-13
        assert float(rest.split()[0]) < limit, line


def test_learning_trains_every_model_and_draws(tmp_path):
    pytest.importorskip('mmpretrain', reason='the baseline is a ConvNeXt of mmpretrain')
    picture = tmp_path / 'images' / 'learning.png'
    args = ('--seeds', 0, '--steps', 2, '--interval', 2, '--side', 32, '--picture', picture)
    printed = run('learning.py', *args)
    for name in ('Heracles nano', 'HAMSA nano', 'ConvNeXt, same size'):
        assert name in printed
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_hamsa_savings_equal_the_literal_formula():
    _, _, *lines = run('hamsa_savings.py', '--side', 7, '--channels', 4, '--runs', 1).splitlines()
    assert len(lines) == 4  # both axes, both kernels
    for line in lines:
        assert float(line.split()[2]) < 1e-12, line


def test_hamsa_normalisation_measures_every_choice():
    printed = run('hamsa_normalisation.py', '--steps', 2, '--seeds', 0, '--side', 32)
    assert printed.count('seed 0: loss') == 3


def test_hamsa_normalisation_gives_each_picture_the_same_weight(monkeypatch):
    """However few pictures would go through a stage together, 5 here not dividing into them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from hamsa_normalisation import Classifier, Hamsa, read

    backbone = Hamsa('nano', img_size=32)
    model, pictures = Classifier(backbone, 192), torch.randn(5, 3, 32, 32)
    found = read(model, backbone, pictures)
    monkeypatch.setattr('heracles_mm.backbones.pyramid.GROUP_BYTES', 2 * 8 * 8 * 32 * 4)
    assert read(model, backbone, pictures) == found


def test_mixer_cost_measures_both_families_beside_the_skeleton():
    lines = run('mixer_cost.py', '--arch', 'nano', '--sizes', 64, '--rounds', 1).splitlines()
    names = [line[6:21].strip() for line in lines[2:]]
    assert names == ['skeleton', 'heracles', 'hamsa, complex', 'hamsa, real']
    assert lines[2].split()[3] == '1.00'


@pytest.mark.slow
def test_receptive_fields_are_drawn_of_every_model(tmp_path):
    printed = run('receptive_fields.py', '--pictures', 1, '--stage', 1, '--out', tmp_path / 'f.png')
    assert printed == ''
    assert (tmp_path / 'f.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.slow
def test_finetuning_memory_measures_adapters_beside_the_whole():
    """States are two numbers for each trained one; what is stored of adapters is a part."""
    pytest.importorskip('mmpretrain')
    pytest.importorskip('peft', reason='LoRA needs peft, of the extra lora')
    args = ['--config', 'heracles_nano_parts', '--side', 64, '--batch', 2, '--rows', 'full', 'LoRA']
    *_, full, lora = run('finetuning_memory.py', *args).splitlines()
    full, lora = ([cell.strip() for cell in row.split('|')[1:-1]] for row in (full, lora))
    assert (full[0], full[2], lora[0]) == ('full', '100.0%', 'LoRA')
    assert float(lora[4]) < float(full[4]) and float(lora[6]) < float(full[6])


def test_custom_operator_compares_equal_mixers():
    args = ('--maps', '1x6x5x8', '--rounds', 1, '--backend', 'aot_eager')
    assert '1x6x5x8' in run('custom_operator.py', *args)


@pytest.mark.slow
def test_pretraining_gain_keeps_what_is_finished(tmp_path):
    """Three trainings, a table and a picture; a second call trains nothing and prints the same."""
    pytest.importorskip('mmdet')
    pytest.importorskip('mmpretrain')
    args = ['--families', 'heracles', '--seeds', 0, '--epochs', 2, '--pictures', 8, '--steps', 2]
    args += ['--val-scenes', 8, '--work-dir', tmp_path, '--picture', tmp_path / 'gain.png']
    first = run('pretraining_gain.py', *args)
    assert first.count('heracles_mm.cli.train') == 3
    assert (tmp_path / 'gain.png').read_bytes().startswith(b'\x89PNG')
    second = run('pretraining_gain.py', *args)
    assert first.endswith(second)
    assert 'box AP' in second and 'mask AP' in second


def test_data_check_cost_measures_checks_and_starts():
    pytest.importorskip('mmdet')
    size = '--pictures', 20, '--annotations', 40
    printed = run('data_check_cost.py', *size, '--levels', 'full', 'start')
    rows = [line.split()[:2] for line in printed.splitlines()[2:]]
    assert rows == [['--check-data', 'full'], ['a', 'start']]


def test_reported_cases_show_how_each_ends(tmp_path):
    """The last tool's exit code, or the script's own, and its last words."""
    for name, script in {'good': 'echo fine', 'bad': 'echo why; echo rc=2; touch made'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / 'run.sh').write_text(f'cd "$(dirname "$0")"; test -d $REPO; {script}')
    lines = run('reported_cases.py', '--cases', tmp_path).splitlines()
    assert [line.split() for line in lines] == [['bad', '2', 'why'], ['good', '0', 'fine']]
    assert not (tmp_path / 'bad' / 'made').exists()


@pytest.mark.slow
def test_real_data_keeps_what_is_finished(tmp_path, monkeypatch):
    """A run leaves one file; without it the run ends again where its checkpoint is."""
    pytest.importorskip('mmpretrain')
    rng = np.random.default_rng(0)
    for split, count in (('train', 7), ('val', 1)):
        for label in range(10):
            folder = tmp_path / 'data' / split / f'n{label}'
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f'{i}.jpg')
    monkeypatch.setenv('IMAGENETTE_ROOT', f'{tmp_path}/data')
    args = ['--tasks', 'imagenette_5e', '--models', 'heracles_nano']
    args += ['--results', tmp_path / 'results', '--work-dir', tmp_path / 'runs']
    assert 'imagenette_5e_heracles_nano_0' in run('real_data.py', *args)
    file = tmp_path / 'results' / 'imagenette_5e_heracles_nano_0.json'
    first = json.loads(file.read_text())
    assert [step for step, _ in first['curves']['accuracy/top1']] == [1, 2, 3, 4, 5]
    assert first['parameters'] < 2.5e6
    assert run('real_data.py', *args) == ''
    file.unlink()
    run('real_data.py', *args)
    assert json.loads(file.read_text())['curves'] == first['curves']


def test_a_task_starts_from_a_finished_run_else_from_the_shipped_weights(tmp_path, monkeypatch):
    """A run that goes on beside it has a checkpoint too, of fewer epochs."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    weights = runpy.run_path(str(BENCHMARKS / 'real_data.py'))['weights']
    args = SimpleNamespace(work_dir=tmp_path, results=tmp_path)
    run = tmp_path / 'imagenette_20e_hamsa_nano_0'
    shipped = 'heracles_mm://hamsa_nano_imagenette'
    assert weights(args, 'imagenette_20e', 'hamsa_nano', 0) == shipped
    run.mkdir()
    (run / 'last_checkpoint').write_text('/elsewhere/epoch_3.pth')
    assert weights(args, 'imagenette_20e', 'hamsa_nano', 0) == shipped
    run.with_suffix('.json').touch()
    assert weights(args, 'imagenette_20e', 'hamsa_nano', 0) == str(run / 'epoch_3.pth')
    with pytest.raises(SystemExit, match='resnet_nano_2 to start from: add imagenette_20e to'):
        weights(args, 'imagenette_20e', 'resnet_nano', 2)


def test_corrupted_pictures_test_finished_runs_else_the_shipped_weights(
    tmp_path, monkeypatch, capsys
):
    pytest.importorskip('imagecorruptions', reason='an extra: it names the corruptions')
    from heracles_mm.robustness import corruption_names

    monkeypatch.syspath_prepend(BENCHMARKS)
    import real_data

    rows = [{'corruption': name, 'metrics': {'top1': 40}} for name in corruption_names(['all'])]
    found = {'metric': 'top1', 'clean': {'top1': 80}, 'corrupted': rows, 'mean': {'top1': 40}}
    tested, changed = [], []

    def tool(name, config, checkpoint, *args):
        tested.append(checkpoint)
        changed.append([one for one in args if str(one).startswith('model.backbone.')])
        return json.dumps(found)

    monkeypatch.setattr(real_data, 'tool', tool)
    work, ablations = tmp_path / 'real_data', tmp_path / 'ablations'
    finished, variant = work / 'camvid_pretrained_convnext_nano_0', ablations / 'local_0'
    for folder in (finished, work / 'camvid_pretrained_swin_nano_0', variant):
        folder.mkdir(parents=True)
        (folder / 'last_checkpoint').write_text('epoch_9.pth')
    (tmp_path / f'{finished.name}.json').touch()  # Swin's goes on
    variant.with_suffix('.json').touch()
    results = tmp_path / 'robustness'
    run('robustness.py', '--work-dir', work, '--results', results)
    shipped = [f'heracles_mm://{name}_nano_imagenette' for name in ('heracles', 'hamsa')]
    assert tested == [*shipped, *(str(each / 'epoch_9.pth') for each in (finished, variant))]
    options = ['model.backbone.type=RearrangedHeracles', 'model.backbone.mixer=local']
    assert changed == [[], [], [], options]
    assert (results / 'ablations_local_0.json').exists()
    one = json.loads((results / 'imagenette_20e_hamsa_nano_0.json').read_text())
    assert one['scores'] == {
        'clean': 80,
        **dict.fromkeys(('noise', 'blur', 'weather', 'digital'), 40),
        'mean': 40,
    }
    run('robustness.py', '--work-dir', work, '--results', results)
    assert len(tested) == 4  # what has its file is left out
    assert 'camvid_pretrained_swin_nano_0: no finished run' in capsys.readouterr().err
    monkeypatch.setattr(sys, 'argv', ['robustness.py', '--models', 'resnet'])
    with pytest.raises(SystemExit, match=r"no \['resnet'\]: choose of .*resnet_nano"):
        runpy.run_path(str(BENCHMARKS / 'robustness.py'), run_name='__main__')


def test_an_evaluation_that_found_nothing_is_a_zero_of_its_curve(tmp_path, monkeypatch):
    """mmdet logs no AP then; and a run that went on has done some steps twice."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = runpy.run_path(str(BENCHMARKS / 'real_data.py'))
    box, mask = script['BOXES']
    rows = [[dict(step=4, loss=2.0), dict(step=5, time=1.0), dict(step=8, loss=1.5)]]
    rows += [[dict(step=8, loss=1.25), {'step': 10, box: 0.5, mask: 0.25}]]
    files = [tmp_path / '1.json', tmp_path / '2.json']
    for file, lines in zip(files, rows, strict=True):
        file.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    assert script['read_curves'](files, script['TASKS']['coco_8']) == {
        box: [(5, 0.0), (10, 0.5)],
        mask: [(5, 0.0), (10, 0.25)],
        'loss': [(4, 2.0), (8, 1.25)],
    }


def test_the_page_of_results_is_that_of_the_files(tmp_path):
    """docs/results.md and README's table are made, never written."""
    written = BENCHMARKS.parent / 'docs' / 'results.md', BENCHMARKS.parent / 'README.md'
    page, readme = tmp_path / 'page.md', tmp_path / 'README.md'
    shutil.copy(written[1], readme)
    run('results_page.py', '--page', page, '--readme', readme, '--pictures', tmp_path)
    assert [page.read_text(), readme.read_text()] == [path.read_text() for path in written]


@pytest.mark.slow
def test_forecasting_keeps_what_is_finished(tmp_path, monkeypatch):
    """A run leaves one file, beside that of the baselines; without its file the run ends again
    where its checkpoint is."""
    hours = np.datetime64('2016-07-01', 's') + np.arange(14400) * np.timedelta64(3600, 's')
    values = np.random.default_rng(0).standard_normal(14400).cumsum().round(3)
    lines = [f'{time},{value}' for time, value in zip(hours, values)]
    (tmp_path / 'ETTh1.csv').write_text('\n'.join(['date,OT', *lines]))
    monkeypatch.setenv('ETT_ROOT', f'{tmp_path}/')
    args = ['--sets', 'etth1', '--look-backs', 24, '--horizons', 12, '--seeds', 0]
    args += ['--models', 'baselines', 'heracles']
    args += ['--results', tmp_path / 'results', '--work-dir', tmp_path / 'runs']
    run('forecasting.py', *args)
    floors, ours = (
        json.loads((tmp_path / 'results' / f'etth1_24_12_{name}.json').read_text())
        for name in ('baselines', 'heracles_0')
    )
    assert floors['scores'].keys() >= {'linear_map', 'last_day', 'last_value'}
    assert ours['scores'].keys() == floors['scores']['linear_map'].keys()
    # a random walk: nobody is better than its last value, or much worse
    assert ours['scores']['mse'] == pytest.approx(floors['scores']['last_value']['mse'], rel=0.1)
    assert run('forecasting.py', *args) == ''
    (tmp_path / 'results' / 'etth1_24_12_heracles_0.json').unlink()
    run('forecasting.py', *args)
    again = json.loads((tmp_path / 'results' / 'etth1_24_12_heracles_0.json').read_text())
    assert again['scores'] == ours['scores']


def test_the_page_of_forecasts_is_that_of_the_files(tmp_path):
    """What stands between its comments is made, never written."""
    written = BENCHMARKS.parent / 'docs' / 'forecasting.md'
    page = tmp_path / 'page.md'
    page.write_text(written.read_text().replace('| linear map, closed form |', '| changed |'))
    run('forecasting_page.py', '--page', page, '--picture', tmp_path / 'page.png')
    assert page.read_text() == written.read_text()


@pytest.mark.parametrize(
    ('error', 'words', 'verdict'),
    [(0.3, ': no, linear map', 'met'), (0.5, ': yes, linear map', 'missed')],
)
def test_the_page_of_forecasts_says_who_wins(error, words, verdict, tmp_path, monkeypatch):
    """And says so of what has run at all horizons alone."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from forecasting_page import page, read

    def write(horizon: int, model: str, scores: dict, **more: object) -> None:
        one = dict(set='etth1', look_back=96, horizon=horizon, model=model, scores=scores, **more)
        (tmp_path / f'{horizon}_{model}.json').write_text(json.dumps(one))

    def errors(value: float) -> dict[str, float]:
        keys = (f'{score}{mode}' for score in ('mse', 'mae') for mode in ('', '_whole_batches'))
        return dict.fromkeys(keys, value)

    for horizon in (96, 192, 336, 720):
        write(horizon, 'baselines', {'linear_map': errors(0.4)})
        if horizon < 720:
            write(horizon, 'heracles', errors(error), seconds=60, parameters=9)
    assert 'No forecaster has run at all four horizons' in page(read(tmp_path))
    write(720, 'heracles', errors(error), seconds=60, parameters=9)
    found = page(read(tmp_path))
    assert words in found
    assert f'ETTh1, look-back 96, at most 0.441 / 0.430: Heracles {error:.4f} ({verdict})' in found


def test_padding_compares_batches(tmp_path, monkeypatch):
    """Pictures of one size score alone what they score together."""
    pytest.importorskip('mmdet')
    from mmengine.config import Config
    from mmengine.registry import MODELS, DefaultScope

    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path))
    cfg = Config.fromfile(BENCHMARKS.parent / 'configs' / 'mask_rcnn_hamsa_nano_scenes.py')
    cfg.val_dataloader.dataset.update(num_train=1, num_val=4)
    cfg.dump(tmp_path / 'small.py')
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, tmp_path / 'model.pth')
    files = ('--config', tmp_path / 'small.py', '--checkpoint', tmp_path / 'model.pth')
    lines = run('padding.py', *files, '--batch', 2).splitlines()[-7:]
    alone, _, one_side, *maps = lines
    assert alone.split()[-5:] == one_side.split()[-5:]
    assert len(maps) == 4
    assert all(' 0.0%' not in line for line in maps)  # padding changes every stage


def test_gpu_check_runs_every_check_without_a_gpu(tmp_path):
    """The path that a GPU will take, small, lest it fail there for a slip of the pen."""
    pytest.importorskip('mmdet')
    file = tmp_path / 'gpu.json'
    printed = run('gpu_check.py', '--device', 'cpu', '--quick', '--json', file)
    report = json.loads(file.read_text())
    assert report['machine']['device'] == 'CPU'
    checks = {each['check'] for each in report['findings']}
    assert {'against float64', 'optimized', 'mmcv operators', 'with_cp', 'compiled'} < checks
    assert {'demo', 'memory', '1x32, forward, bfloat16, eager'} < checks
    assert ', 0 of them bad' in printed


def test_the_table_of_costs_is_that_of_the_files(tmp_path):
    """What stands between its comments is made, never written."""
    written = BENCHMARKS.parent / 'docs' / 'roofline.md'
    page = tmp_path / 'page.md'
    page.write_text(written.read_text().replace('| memory of training, GB |', '| changed |'))
    run('cost_by_size.py', '--page', page, '--picture', tmp_path / 'page.png')
    assert page.read_text() == written.read_text()


def test_costs_are_read_of_both_tools(tmp_path, monkeypatch):
    """A measurement joins the estimates; growth is over pixels."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from cost_by_size import read, table

    paper = [
        dict(model='swin_t', size=f'1x{side}', operations=work, seconds={'A100': side / 1e6})
        for side, work in ((224, {'float32': 1e9, 'bfloat16': 8e9}), (448, {'bfloat16': 72e9}))
    ]
    (tmp_path / 'paper.json').write_text(json.dumps({'rows': paper}))
    size = dict(name='1x448', shape=[1, 3, 448, 448])
    measured = dict(model='swin_t', size=size, what='memory', value=[2e9] * 3)
    (tmp_path / 'measured_1x448.json').write_text(json.dumps({'rows': [measured]}))
    assert [*table(read(tmp_path))][2:] == [
        '| G operations | Swin-T | 9 | 72 | 2.00 |',
        '| A100 on paper, ms | Swin-T | 0.224 | 0.448 | 0.50 |',
        '| memory of training, GB | Swin-T | – | 2 | 1.00 |',
    ]


def test_autocast_errors_show_why_products_are_not_in_float16():
    printed = run('autocast_errors.py', '--side', 16, '--channels', 8, '--seeds', 0)
    rows = [line.rsplit(maxsplit=2) for line in printed.splitlines()[1:]]
    white = {name.split('white')[1].strip(): float(own) for name, own, _ in rows[:4]}
    assert white['float16'] == pytest.approx(white['float32'], rel=0.01)
    assert white['float32'] < 1e-6 < white['bfloat16'] < 0.01


def test_launches_are_those_of_the_document():
    """Counted anew, so that a kernel more in a mixer does not go unnoticed."""
    counted = run('launches.py', '--side', 8, '--learnt', 8, '--channels', 8)
    assert counted in (BENCHMARKS.parent / 'docs' / 'roofline.md').read_text()
