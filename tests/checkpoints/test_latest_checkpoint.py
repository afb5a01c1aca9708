"""Auto-resume finds the newest whole checkpoint, also after a kill or from another folder."""

import os

import pytest

from heracles_mm.checkpoints import CheckpointError, latest_checkpoint


def make(folder, name, age=0):
    path = folder / name
    path.write_bytes(b'x')
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
