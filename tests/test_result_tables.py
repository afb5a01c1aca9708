"""What docs/results.md says of runs: its answers, and the tables of corrupted pictures."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / 'benchmarks'))

from results_answers import answers, counted, goal
from results_page import page, readme_table, rerun, starts
from robustness_tables import GROUPS, draw, sections


def test_scores_are_means_of_the_main_metric_by_group():
    pytest.importorskip('imagecorruptions', reason='the extra corruptions is not installed')
    from robustness import scores

    from heracles_mm.robustness import corruption_names

    values = {'noise': 0.1, 'blur': 0.2, 'weather': 0.3, 'digital': 0.4}
    found = dict(metric='mIoU', clean={'aAcc': 0.9, 'mIoU': 0.8}, mean={'mIoU': 0.25})
    found['corrupted'] = [
        dict(corruption=name, severity=1, metrics={'aAcc': 0.5, 'mIoU': value})
        for group, value in values.items()
        for name in corruption_names([group])
    ]
    assert scores(found) == {'clean': 0.8, **values, 'mean': 0.25}
    del found['corrupted'][0]['metrics']['mIoU']  # nothing was found: 0
    assert scores(found)['noise'] == pytest.approx(0.2 / 3)


def write(folder, model, seed, clean, corrupted, task='camvid_pretrained', metric='mIoU'):
    one = dict(task=task, model=model, seed=seed, severities=[1, 3], metric=metric)
    one['scores'] = {'clean': clean, **dict.fromkeys(GROUPS, corrupted), 'mean': corrupted}
    (folder / f'{model}_{seed}.json').write_text(json.dumps(one))


def test_the_tables_compare_what_is_kept_of_clean(tmp_path):
    assert not [*sections(tmp_path)]
    write(tmp_path, 'heracles_nano', 0, 60, 30)
    write(tmp_path, 'heracles_nano', 1, 60, 36)
    write(tmp_path, 'swin_nano', 0, 50, 30)
    write(tmp_path, 'swin_nano_wide', 0, 50, 40)  # of HAMSA, which has not run
    lines = [*sections(tmp_path)]
    text = '\n'.join(lines)
    assert '| mIoU on test, severities 1, 3 | clean | noise | blur |' in text
    (row,) = (line for line in lines if line.startswith('| Heracles-nano'))
    assert row.startswith('| Heracles-nano | 60.0 (60.0 to 60.0) | 33.0 (30.0 to 36.0) |')
    assert row.endswith('| 55 | 0, 1 |')
    assert lines[-6:-4] == [
        f'* Under {group} Heracles-nano keeps 55 % of its clean score, '
        "Swin of Heracles-nano's size 60 % (fewer than three seeds)."
        for group in ('noise', 'blur')
    ]
    draw(tmp_path, tmp_path)
    picture = 'results_corrupted_camvid_pretrained.png'
    assert lines[-3] == f'![what is left of the clean score](images/{picture})'
    assert '--tasks camvid_pretrained --seeds 0 1 --severities 1 3 --results' in lines[-1]
    assert (tmp_path / picture).read_bytes().startswith(b'\x89PNG')


def test_a_family_without_a_peer_of_its_size_has_its_sentence_too(tmp_path):
    write(tmp_path, 'hamsa_nano', 0, 50, 10)
    write(tmp_path, 'resnet_nano', 0, 50, 40)  # of Heracles, which has not run
    assert [line for line in sections(tmp_path) if line.startswith('* Under noise')] == [
        '* Under noise HAMSA-nano keeps 20 % of its clean score, no peer of its size was tested.'
    ]


def test_the_answer_counts_who_keeps_more_and_what_the_filter_alone_does(tmp_path):
    for seed in range(3):
        write(tmp_path, 'heracles_nano', seed, 50, 20 + seed, 'camvid')
        write(tmp_path, 'swin_nano', seed, 40, 20, 'camvid')
        write(tmp_path, 'resnet_nano', seed, 40, 12, 'camvid')
    text = '\n'.join(sections(tmp_path))
    peers = (
        'under noise in 1 of 2 (a higher score in 2), under blur in 1 of 2 (a higher score in 2)'
    )
    assert f'ours keep the larger share of their clean score {peers}; 0 of these' in text
    left = "Not tested: ConvNeXt of Heracles-nano's size, HAMSA-nano, "
    assert left in text and '9 trained models' in text
    for seed in range(3):
        for model, clean in (('heracles', 90), ('global', 50), ('local', 60)):
            write(tmp_path, model, seed, clean, 30, 'ablations', 'accuracy/top1')
    text = '\n'.join(sections(tmp_path))
    alone = 'beyond the spread of seeds in 4 of 4 comparisons, the score itself in 0.'
    assert peers in text and alone in text and text.count('Not tested') == 1


def test_a_part_with_a_global_filter_stands_beside_the_local_one(tmp_path):
    for seed in range(3):
        for model, left in (('heracles', 40), ('global', 30 + 5 * seed), ('local', 30)):
            write(tmp_path, model, seed, 100, left, 'ablations', 'accuracy/top1')
    assert [line for line in sections(tmp_path) if line.startswith('* Under noise')] == [
        '* Under noise local and global keeps 40 % of its clean score, '
        'local alone 30 % (beyond the spread of seeds).',
        '* Under noise global alone keeps 35 % of its clean score, '
        'local alone 30 % (within the spread of seeds).',
    ]


def seeds(*values):
    return [{'scores': {'coco/bbox_mAP': value}, 'curves': {}} for value in values]


@pytest.mark.parametrize(
    ('ours', 'peer', 'words'),
    [
        ([0.61, 0.65], [0.6], '63.0, the aim of 60 reached, 3.0 above ResNet, the best of 2 peers'),
        ([0.5, 0.52], [0.53, 0.55], 'the aim of 60 missed, 3.0 below ResNet'),
        ([0.5, 0.51, 0.52], [0.53, 0.54, 0.55], ' (beyond the spread of seeds)'),
        ([0.5, 0.51, 0.54], [0.53, 0.54, 0.55], ' (within the spread of seeds)'),
        ([0.5, 0.51], [0.53, 0.54, 0.55], ' (fewer than three seeds)'),
    ],
)
def test_answers_hold_scores_against_aim_and_peer(ours, peer, words):
    models = {'heracles_nano': seeds(*ours), 'resnet_nano': seeds(*peer), 'swin_nano': seeds(0.1)}
    models['swin_nano_wide'] = seeds(0.9)  # a peer of HAMSA
    (answer,) = answers('penn_fudan_pretrained', {'penn_fudan_pretrained': models})
    assert answer.startswith('* **Heracles-nano**: box AP') and words in answer
    del models['swin_nano']
    (answer,) = answers('penn_fudan_pretrained', {'penn_fudan_pretrained': models})
    assert 'ResNet, its only peer here' in answer


def test_the_page_begins_with_the_goal_that_is_missed():
    ours = {'heracles_nano': seeds(0.5, 0.51, 0.52), 'hamsa_nano': seeds(0.5, 0.51, 0.53)}
    swin = {'swin_nano': seeds(0.4, 0.41, 0.42), 'swin_nano_wide': seeds(0.4, 0.41, 0.5)}
    close = swin | {'swin_nano_wide': seeds(0.4, 0.41, 0.42), 'resnet_nano_wide': seeds(0.4)}
    wide = {'swin_nano_wide': seeds(0.4, 0.41, 0.45)}
    runs = {
        'penn_fudan': ours | wide | {'resnet_nano': seeds(0.9)},  # of the other family's size
        'camvid': ours | close,
        'cifar10': ours,
        'imagenette_5e': ours | swin | {'resnet_nano_wide': seeds(0.6)},
    }
    head, _, no, *others = goal(runs)
    assert head.startswith('Of 3 measures: yes in 1, no in 1, open in 1. ')
    answers = [line.split('**')[1] for line in (no, *others)]
    assert answers == ['no', 'open', 'yes', 'no peer ran']
    assert no.endswith(
        '**no**. HAMSA-nano 51.3 (50.0 to 53.0), 8.7 below ResNet, the best of 2 peers '
        '(fewer than three seeds).'
    )


def test_comparisons_are_counted_by_peer_and_by_how_they_lie_to_the_spread():
    ours = {'heracles_nano': seeds(0.5, 0.51, 0.52), 'hamsa_nano': seeds(0.5, 0.51, 0.53)}
    swin = {'swin_nano': seeds(0.4, 0.41, 0.42), 'swin_nano_wide': seeds(0.4, 0.41, 0.5)}
    words = counted({'penn_fudan': ours | swin | {'resnet_nano': seeds(0.6)}})
    ahead = 'Ahead of ours are Swin in 0 of 2, ResNet in 1 of 1, 0 times beyond the spread'
    assert ahead in words and 'Ours is ahead in the other 2, 1 times beyond it' in words
    where = '(1 of Penn-Fudan, Mask R-CNN from random weights)'
    assert words.endswith(f'{where}, 1 times within it, 0 times with fewer than three seeds.')


def test_a_page_without_a_peer_asks_for_none():
    about = dict(seed=0, seconds=60, parameters=2e6, multiply_adds=2e8, shape=[128, 128])
    about |= dict(machine={'device': 'CPU', 'cpu': 'one'}, starts_from='', command='train')
    alone = {'penn_fudan': {'heracles_nano': [one | about for one in seeds(0.5)]}}
    text = page(alone)
    assert '## Penn-Fudan' in text and 'every peer?' not in text
    alone['penn_fudan']['swin_nano'] = alone['penn_fudan']['heracles_nano']
    assert 'every peer?' in page(alone) and '0 times beyond it (on no task)' in page(alone)


def test_runs_from_the_shipped_weights_are_named():
    own, shipped = (
        [dict(one, starts_from=where) for one in seeds(0.5)]
        for where in ('imagenette_20e', 'heracles_mm://hamsa_nano_imagenette')
    )
    words = starts({'heracles_nano': own, 'hamsa_nano': shipped})
    assert words.startswith(' HAMSA-nano began') and 'the others' in words
    assert 'Heracles-nano and HAMSA-nano' in (
        both := starts({'heracles_nano': shipped, 'hamsa_nano': shipped})
    )
    assert 'others' not in both and not starts({'heracles_nano': own})


def test_a_row_is_made_again_by_its_seeds_and_what_they_start_from():
    own = [dict(one, seed=2, starts_from='heracles_mm://x') for one in seeds(0.5)]
    its = [dict(one, seed=0, starts_from='imagenette_20e') for one in seeds(0.5)]
    command = rerun('camvid_pretrained', {'hamsa_nano': own, 'swin_nano': its})
    asked = '--tasks imagenette_20e camvid_pretrained --models hamsa_nano swin_nano --seeds 0 2'
    assert command == f'python benchmarks/real_data.py {asked} --results work_dirs/results'
    assert '--tasks camvid_pretrained' in rerun('camvid_pretrained', {'hamsa_nano': own})


def test_readmes_table_names_the_best_peer_and_whether_it_ran_alone():
    models = {'heracles_nano': seeds(0.5, 0.6), 'swin_nano': seeds(0.4)}
    *_, row = readme_table({'penn_fudan': models})
    assert row.endswith(': box AP | 55.0 (50.0 to 60.0) | 40.0 (Swin, alone) |  |  |')
    *_, row = readme_table({'penn_fudan': models | {'resnet_nano': seeds(0.7)}})
    assert row.endswith('| 70.0 (ResNet) |  |  |')


def test_answers_tell_what_pretraining_gains_each_model():
    peer = {'swin_nano_wide': seeds(0.3)}  # of HAMSA's size
    runs = {
        'penn_fudan': {'heracles_nano': seeds(0.5, 0.52)} | peer,
        'penn_fudan_pretrained': {'heracles_nano': seeds(0.6), 'hamsa_nano': seeds(0.4)},
    }
    (plain,) = answers('penn_fudan', runs)
    heracles, hamsa = answers('penn_fudan_pretrained', runs)
    gain = '+9.0 over random weights (fewer than three seeds).'
    assert heracles.endswith(f'60.0, the aim of 60 reached, {gain}')
    assert 'random' not in plain + hamsa
    runs['penn_fudan_pretrained'] = {'swin_nano_wide': seeds(0.25), 'swin_nano': seeds(0.4)}
    (swin,) = answers('penn_fudan_pretrained', runs)
    gain = '-5.0 over random weights (fewer than three seeds)'
    assert swin == f"* Swin of HAMSA-nano's size: box AP {gain}."
    runs['penn_fudan']['hamsa_nano'] = seeds(0.5)
    runs['penn_fudan_pretrained']['hamsa_nano'] = seeds(0.6)
    *_, swin = answers('penn_fudan_pretrained', runs)
    assert swin.endswith(f'{gain}, our lead from 20.0 to 35.0.')


def test_the_table_of_a_gpu_is_that_of_its_file():
    root = Path(__file__).parents[1]
    file = root / 'benchmarks' / 'results' / 'gpu' / 'nvidia_h200.json'
    found = [one for one in json.loads(file.read_text())['findings'] if 'on paper' in one['words']]
    lines = (root / 'docs' / 'roofline.md').read_text().splitlines()
    names = ('heracles_s', 'hamsa_s', 'hamsa_s_real', 'deit_s', 'swin_t')
    for check in dict.fromkeys(one['check'] for one in found):
        cells = {one['case'].split(',')[0]: one for one in found if one['check'] == check}
        times = ' | '.join(f'{cells[name]["value"]:.1f}' for name in names)
        row = lines.index(f'| {check.removesuffix(", bfloat16, eager")}, ms | {times} |')
        words = [cells[name]['words'].split() for name in names[:-1]]
        ratios = ' | '.join(f'{each[0]} ({each[-1]})' for each in words)
        assert lines[row + 1].endswith(f' | {ratios} | 1 |')
    assert len(found) == 4 * len(names)
