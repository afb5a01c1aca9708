"""mmdet's, mmseg's and mmpretrain's own train.py and test.py take our configs and checkpoints."""

import pickle
import re
from pathlib import Path

import pytest
import torch
from small_runs import ROOT, run_tool

COMMANDS = re.findall(
    r'^\| [^|]+ \| `(python \$.+)` \|$', (ROOT / 'docs/clients.md').read_text(), re.MULTILINE
)


def test_the_documents_commands_are_found():
    """Six trainings and nine tests or more; an edit of the table must not switch its tests off."""
    tools = [command.split('.py')[0] for command in COMMANDS]
    for library in ('MMDET', 'MMSEG', 'MMPRETRAIN'):
        assert tools.count(f'python ${library}/train') >= 2
        assert tools.count(f'python ${library}/test') >= 3


@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_of_the_document_runs(command, trained, tmp_path, capfd):
    library = re.search(r'\$(\w+)', command).group(1).lower()
    pytest.importorskip(library)
    run_tool(command, tmp_path, trained(library) if 'CHECKPOINT' in command else None)
    if '/train.py' in command and '--resume' not in command:
        (checkpoint,) = tmp_path.glob('work_dirs/*/*_1.pth')
        saved = torch.load(checkpoint, weights_only=True)
        assert saved['meta']['dataset_meta']['classes']  # what the inferencers name objects by
    if '--out' in command:
        assert len(pickle.loads((tmp_path / 'found.pkl').read_bytes())) == 2
    if '--show-dir' in command:
        assert len(pictures(tmp_path)) == 2
    if '/test.py' in command:
        assert re.search(r'(mAP|mIoU|accuracy/top1): +\d', capfd.readouterr().out)


def pictures(folder: Path) -> list[Path]:
    return [path for path in folder.rglob('*') if path.suffix in ('.png', '.jpg')]
