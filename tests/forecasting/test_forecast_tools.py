"""A CSV of one's own: trained, resumed, tested, forecast, drawn, exported; no mistake is more than
a line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_series import HOUR, times_of, walks, write_csv
from mmengine.config import Config
from mmengine.logging import MMLogger

from heracles_mm.cli import export_onnx, forecast, get_flops, roofline, test, train, visualize
from heracles_mm.cli.arguments import OneLineParser, add_config
from heracles_mm.data_checks import content

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs' / 'heracles_csv.py')
ROWS = 700
SMALL = ['--cfg-options', 'train_dataloader.batch_size=64', 'model.backbone.dim=8']


@pytest.fixture(autouse=True)
def _fresh_process_state():
    """Loggers keep the stdout of their time; data_checks remembers what it has checked."""
    MMLogger._instance_dict.clear()
    content._checked.clear()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where a run of two epochs has left its checkpoints."""
    folder = tmp_path_factory.mktemp('run')
    write_csv(folder / 'load.csv', 40 + 10 * walks(ROWS, 2), ['load', 'wind'])
    with pytest.MonkeyPatch.context() as to:
        to.chdir(folder)
        _set_environment(to)
        assert train.main([CONFIG, '--work-dir', 'run', *SMALL]) == 0
    return folder


def _set_environment(to: pytest.MonkeyPatch) -> None:
    for name, value in dict(CSV='load.csv', LOOK_BACK='48', HORIZON='24', LOCAL_RANK='0').items():
        to.setenv(name, value)


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    _set_environment(monkeypatch)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(folder):
    options = [*SMALL, 'train_cfg.max_epochs=1']
    assert train.main([CONFIG, '--work-dir', 'again', *options]) == 0
    assert train.main([CONFIG, '--work-dir', 'again', '--resume', *SMALL]) == 0
    first, second = (
        torch.load(folder / name / 'epoch_2.pth')['state_dict'] for name in ('run', 'again')
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_test_prints_the_errors(folder, capsys):
    assert test.main([CONFIG, 'run/epoch_2.pth', '--work-dir', 'test', '--json', *SMALL]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < found['forecast/mae'] < 2
    assert found['forecast/mse_units'] > found['forecast/mse']  # of values ten times as large


def test_a_forecast_follows_the_file_in_its_units(folder):
    out = ['--out', 'next.csv', '--picture', 'next.png']
    assert forecast.main(['run/epoch_2.pth', 'load.csv', *out]) == 0
    header, *rows = Path('next.csv').read_text().splitlines()
    assert header == 'date,load,wind'
    assert len(rows) == 24
    times = [np.datetime64(row.split(',')[0], 's') for row in rows]
    assert times == (times_of(ROWS + 24)[ROWS:]).tolist()
    values = np.array([row.split(',')[1:] for row in rows], float)
    # walks of steps of 1 around a day's wave of 10: the mean of the next day is near the last one's
    last = (40 + 10 * walks(ROWS, 2))[-24:].mean(0)
    np.testing.assert_allclose(values.mean(0), last, atol=10)
    assert Path('next.png').read_bytes().startswith(b'\x89PNG')


def test_the_columns_are_found_by_their_names(folder):
    """In whatever order a file has them, and with others beside."""
    values = 40 + 10 * walks(ROWS, 2)
    swapped = np.concatenate((values[:, ::-1], values[:, :1] * 0), axis=1)
    write_csv(folder / 'other.csv', swapped, ['wind', 'load', 'flag'])
    for name in ('load', 'other'):
        assert forecast.main(['run/epoch_2.pth', f'{name}.csv', '--out', f'of_{name}.csv']) == 0
    assert Path('of_load.csv').read_bytes() == Path('of_other.csv').read_bytes()


def test_filters_are_drawn_over_hours(folder):
    argv = ['filters', CONFIG, 'run/epoch_2.pth', '--out', 'filters.svg', *SMALL]
    assert visualize.main(argv) == 0
    assert 'period, hours' in Path('filters.svg').read_text()


def test_it_is_exported_for_windows_of_one_column(folder, capsys):
    argv = [
        CONFIG,
        'run/epoch_2.pth',
        '--out',
        'f.pt2',
        '--format',
        'torch_export',
        '--rounds',
        '0',
    ]
    assert export_onnx.main([*argv, '--json', *SMALL]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report['outputs'] == {'forecast': [1, 24]}
    assert report['description']['columns'] == ['load', 'wind']
    assert {key: report['description'][key] for key in ('date', 'step', 'horizon')} == {
        'date': 'date',
        'step': [3600, 's'],
        'horizon': 24,
    }
    module = torch.export.load('f.pt2').module()
    assert module(torch.randn(5, 48)).shape == (5, 24)


MISTAKES = {
    'no csv': (['run/epoch_2.pth', 'absent.csv'], 'absent.csv cannot be read: No such file'),
    'short': (
        ['run/epoch_2.pth', 'short.csv'],
        'short.csv has 40 rows and a forecast is made from',
    ),
    'another step': (['run/epoch_2.pth', 'daily.csv'], 'trained on rows 3600 seconds apart'),
    'months': (['run/epoch_2.pth', 'monthly.csv'], 'monthly.csv are 1 months apart'),
    'onto the input': (
        ['run/epoch_2.pth', 'load.csv', '--out', './load.csv'],
        'load.csv is a file that is read here: give what is written another name',
    ),
    'onto it by a link': (
        ['run/epoch_2.pth', 'load.csv', '--out', 'link.csv'],
        'link.csv is a file that is read here',
    ),
    'picture onto it': (
        ['run/epoch_2.pth', 'linked.png', '--picture', 'linked.png'],
        'linked.png is a file that is read here',
    ),
    'a column gone': (['run/epoch_2.pth', 'one.csv'], "one.csv has no column 'wind'"),
    'of pictures': (['pictures.pth', 'load.csv'], 'does not say which columns it forecasts'),
    'no config': (
        ['bare.pth', 'load.csv'],
        'bare.pth: the checkpoint carries no config: give its config with --config',
    ),
    'a stranger': (['hostile.pth', 'load.csv'], 'is of no Forecaster with a backbone of'),
    'suffix': (['run/epoch_2.pth', 'load.csv', '--out', 'x.txt'], 'must end in .csv, not x.txt'),
    'picture': (['run/epoch_2.pth', 'load.csv', '--picture', 'x.jpg'], 'must end in .png or .svg'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_file(case, folder, capsys):
    values = walks(60, 2)
    write_csv(folder / 'short.csv', values[:40], ['load', 'wind'])
    write_csv(folder / 'daily.csv', values, ['load', 'wind'], times_of(60, 24 * HOUR))
    write_csv(folder / 'one.csv', values[:, :1], ['load'])
    whole = torch.load('run/epoch_2.pth')
    info = {'dataset_meta': whole['meta']['dataset_meta']}
    hostile = "model = dict(type='Forecaster', horizon=1, backbone=dict(type='os.system'))"
    for name, meta in dict(pictures={}, bare=info, hostile={**info, 'cfg': hostile}).items():
        torch.save({'state_dict': whole['state_dict'], 'meta': meta}, f'{name}.pth')
    months = np.arange('2016-07', '2021-07', dtype='datetime64[M]').astype('datetime64[D]')
    write_csv(folder / 'monthly.csv', values, ['load', 'wind'], months)
    for name in ('link.csv', 'linked.png'):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to('load.csv')
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob('*')}
    argv, message = MISTAKES[case]
    out = [] if '--out' in argv else ['--out', 'made.csv']
    assert forecast.main([*argv, *out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('forecast: error: ')
    assert message in line
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob('*')} == before


OTHERS = {
    'export_onnx': (export_onnx, [CONFIG, 'run/epoch_2.pth', '--out', 'link.onnx']),
    'visualize': (visualize, ['filters', CONFIG, 'run/epoch_2.pth', '--out', 'link.png']),
    'test': (test, [CONFIG, 'run/epoch_2.pth', '--work-dir', 'test', '--out', 'link.pkl']),
    'roofline': (roofline, ['--devices', 'H100', '--against', 'link.json', '--json', 'link.json']),
}


@pytest.mark.parametrize('name', OTHERS)
def test_no_tool_writes_over_what_it_reads(name, folder, capsys):
    """By a link, since the ends of the names are others."""
    tool, argv = OTHERS[name]
    before = Path('run/epoch_2.pth').read_bytes()
    link = Path(argv[-1])
    link.unlink(missing_ok=True)
    link.symlink_to('run/epoch_2.pth')
    assert tool.main(argv) == 2
    assert f'{link} is a file that is read here' in capsys.readouterr().err
    assert Path('run/epoch_2.pth').read_bytes() == before


def test_a_forecast_has_the_offset_of_the_files_last_row(folder):
    times = times_of(60, begin='2024-01-15T04:00')
    write_csv(folder / 'tokyo.csv', walks(60, 2), ['load', 'wind'], [f'{t}+09:00' for t in times])
    out = ['--out', 'next_tokyo.csv', '--picture', 'tokyo.svg']
    assert forecast.main(['run/epoch_2.pth', 'tokyo.csv', *out]) == 0
    assert (
        Path('next_tokyo.csv').read_text().splitlines()[1].startswith('2024-01-17 16:00:00+09:00,')
    )


def test_a_picture_of_some_of_the_columns_says_so(folder, capsys):
    """The forecast is drawn above the dashed baseline."""
    with pytest.MonkeyPatch.context() as to:
        to.setattr('heracles_mm.visualization.forecasts.MOST_PANELS', 1)
        out = ['--out', 'next.csv', '--picture', 'some.png']
        assert forecast.main(['run/epoch_2.pth', 'load.csv', *out]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == 'some.png: the first 1 of 2 columns, beside a linear map of this file'


def test_guessed_times_are_said_to_be(folder, capsys):
    """Business days go on on business days."""
    days = np.arange('2016-07-01', '2018-07-01', dtype='datetime64[D]')
    days = days[np.is_busday(days)]
    write_csv(folder / 'business.csv', walks(len(days), 2), ['load', 'wind'], days)
    whole = torch.load('run/epoch_2.pth')
    whole['meta']['dataset_meta'].update(regular=False, step=[86400, 's'])
    torch.save(whole, 'business.pth')
    assert forecast.main(['business.pth', 'business.csv', '--out', 'next_business.csv']) == 0
    assert 'guesses, 1 day, 0:00:00 apart from Monday to Friday' in capsys.readouterr().err
    times = [line.split(',')[0] for line in Path('next_business.csv').read_text().splitlines()[1:]]
    assert np.is_busday(np.array(times, 'datetime64[D]')).all()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (dict(columns=['load', 'sun']), 'is on columns load, wind, and the checkpoint was trained'),
        (dict(step=[900, 's']), 'is on step 3600, s, and the checkpoint was trained on step 900'),
        (dict(mean=[1.0, 2.0]), 'is on training rows of another mean'),
        ({}, None),
    ],
)
def test_a_test_on_another_series_is_run_and_said(change, words, tmp_path):
    whole = torch.load('run/epoch_2.pth')
    whole['meta']['dataset_meta'].update(change)
    torch.save(whole, 'other.pth')
    assert test.main([CONFIG, 'other.pth', '--work-dir', str(tmp_path), *SMALL]) == 0
    (file,) = tmp_path.rglob('*.log')
    if words:
        assert words in file.read_text()
    else:
        assert 'the test is on' not in file.read_text()


def test_a_published_checkpoint_forecasts_with_its_config(folder):
    """Which has the columns and their scale, and no config."""
    whole = torch.load('run/epoch_2.pth')
    kept = {'dataset_meta': whole['meta']['dataset_meta']}
    torch.save({'state_dict': whole['state_dict'], 'meta': kept}, 'published.pth')
    config = Path('small.py')
    config.write_text(f"_base_ = '{CONFIG}'\nmodel = dict(backbone=dict(dim=8))\n")
    argv = ['published.pth', 'load.csv', '--out', 'of_published.csv', '--config', str(config)]
    assert forecast.main(argv) == 0
    assert forecast.main(['run/epoch_2.pth', 'load.csv', '--out', 'of_whole.csv']) == 0
    assert Path('of_published.csv').read_bytes() == Path('of_whole.csv').read_bytes()


@pytest.mark.parametrize(
    'option',
    ['columns=[load]', 'split.fractions=(0.5,0.2,0.3)', 'regular=False', 'csv_file=other.csv'],
)
@pytest.mark.parametrize('part', ['train', 'test'])
def test_parts_that_contradict_each_other_are_one_line(option, part, folder, capsys):
    shutil.copy('load.csv', 'other.csv')
    options = [*SMALL, f'{part}_dataloader.dataset.{option}']
    for tool, more in ((train, []), (test, ['run/epoch_2.pth'])):
        assert tool.main([CONFIG, *more, '--work-dir', str(folder / 'refused'), *options]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f'dataloader.dataset.{option.partition("=")[0].partition(".")[0]} is' in line
        assert 'the parts of a series are of one file and split' in line


def test_a_split_is_replaced_where_configs_inherit_and_on_the_command_line(folder):
    """The example of the documents, and the same by --cfg-options."""
    document = (ROOT / 'docs' / 'forecasting.md').read_text()
    (example,) = re.findall(r'```python\n(_base_ = .*?)```', document, re.DOTALL)
    Path('mine.py').write_text(example.replace('./heracles_csv.py', CONFIG))
    inherited = Config.fromfile('mine.py')
    given = Config.fromfile(CONFIG)
    split = '[dates,2024-07-01,2024-10-01]'
    parser = OneLineParser(prog='train')
    add_config(parser)
    keys = [f'{part}_dataloader.dataset.split={split}' for part in ('train', 'val', 'test')]
    given.merge_from_dict(parser.parse_args([CONFIG, '--cfg-options', *keys]).cfg_options)
    for part in ('train', 'val', 'test'):
        splits = [list(cfg[f'{part}_dataloader'].dataset.split) for cfg in (inherited, given)]
        assert splits == [['dates', '2024-07-01', '2024-10-01']] * 2


def test_what_is_of_pictures_alone_says_so(capsys):
    assert get_flops.main([CONFIG]) == 2
    assert visualize.main(['receptive-field', CONFIG, '--out', 'maps.png']) == 2
    flops, maps = capsys.readouterr().err.splitlines()
    assert flops.endswith('forecasts series: what is counted is the work on pictures')
    assert maps.endswith('this needs a backbone of this package over pictures')


RUNS = {
    'no file': (
        dict(CSV='absent.csv'),
        'absent.csv, which does not exist: set the environment variable CSV to the file, or',
    ),
    'a faulty file': (dict(CSV='faulty.csv'), "line 9 of faulty.csv has no value of 'load'"),
    'too long': (dict(HORIZON='200'), 'takes 48 + 200: give a smaller look_back or horizon'),
    'no number': (dict(HORIZON='day'), "from the environment variable HORIZON, which is 'day'"),
}


@pytest.mark.parametrize('case', RUNS)
def test_data_that_cannot_train_are_one_line_before_anything_is_built(
    case, folder, monkeypatch, capsys
):
    lines = Path('load.csv').read_text().splitlines()
    lines[8] = f'{lines[8].split(",")[0]},,1'
    Path('faulty.csv').write_text('\n'.join(lines))
    variables, message = RUNS[case]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    work = folder / 'refused' / case.replace(' ', '_')
    assert train.main([CONFIG, '--work-dir', str(work), *SMALL]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not [*work.rglob('*')]
