"""Auto-resume finds the newest whole checkpoint, also after a kill or from another folder."""

import os

import pytest
import torch

from heracles_mm.checkpoints import CheckpointError, latest_checkpoint


def make(folder, name, age=0):
    path = folder / name
    torch.save({}, path)
    os.utime(path, ns=(10**18 - age, 10**18 - age))
    return path


def test_a_folder_without_checkpoints_or_no_folder_is_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / 'absent') is None


def test_the_note_of_mmengine_wins_over_newer_files(tmp_path):
    noted = make(tmp_path, 'iter_2.pth', age=9)
    make(tmp_path, 'iter_4.pth')
    (tmp_path / 'last_checkpoint').write_text(str(noted))
    assert latest_checkpoint(tmp_path) == noted


def test_a_note_relative_to_another_working_folder_is_found_by_its_name(tmp_path):
    """mmengine writes './work_dirs/x/iter_2.pth', which is true only where it was started."""
    noted = make(tmp_path, 'iter_2.pth')
    (tmp_path / 'last_checkpoint').write_text('./work_dirs/elsewhere/iter_2.pth')
    assert latest_checkpoint(tmp_path) == noted


def test_a_note_cut_short_by_a_kill_falls_back_to_the_newest_numbered_file(tmp_path):
    """Of best_*.pth and half files (.part) none may be taken: they are not the newest state."""
    make(tmp_path, 'iter_2.pth', age=9)
    newest = make(tmp_path, 'iter_10.pth', age=5)
    make(tmp_path, 'best_coco_iter_2.pth')
    make(tmp_path, 'iter_12.pth.part')
    (tmp_path / 'last_checkpoint').write_text('')
    assert latest_checkpoint(tmp_path) == newest


def test_a_note_about_a_file_that_is_gone_is_an_error_not_a_fresh_start(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/gone/iter_2.pth')
    with pytest.raises(CheckpointError, match=r'/gone/iter_2\.pth'):
        latest_checkpoint(tmp_path)


@pytest.mark.parametrize('damage', ['empty', 'cut short', 'zeros', 'one bit'])
def test_a_damaged_file_is_passed_over_for_the_newest_whole_one_and_told(damage, tmp_path):
    """A full disk, a copy that was stopped, a machine that lost power, a disk that is dying."""
    make(tmp_path, 'iter_2.pth', age=9)
    whole = make(tmp_path, 'iter_4.pth', age=5)
    newest = make(tmp_path, 'iter_6.pth')
    content = newest.read_bytes()
    flipped = content.replace(b'}q\0.', b'}q\1.')
    assert flipped != content
    newest.write_bytes(
        {'empty': b'', 'cut short': content[:-20], 'zeros': bytes(len(content))}.get(
            damage, flipped
        )
    )
    (tmp_path / 'last_checkpoint').write_text(str(newest))
    told = []
    assert latest_checkpoint(tmp_path, told.append) == whole
    assert len(told) == 1 and 'iter_6.pth' in told[0] and 'passed over' in told[0]


def test_nothing_whole_is_an_error_not_a_fresh_start(tmp_path):
    make(tmp_path, 'iter_2.pth').write_bytes(b'')
    with pytest.raises(CheckpointError, match=r'no checkpoint in .* is whole'):
        latest_checkpoint(tmp_path, print)
