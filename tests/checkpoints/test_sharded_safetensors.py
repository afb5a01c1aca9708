"""Hugging Face's sharded format: an index beside the shards names that of each tensor."""

import json

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from safetensors.torch import save_file

import heracles_mm.engine  # noqa: F401  (registers the loader)
from heracles_mm import Heracles
from heracles_mm.checkpoints import CheckpointError, read_checkpoint, read_plain_checkpoints_only

INDEX = 'model.safetensors.index.json'


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return Heracles('nano', img_size=32)


@pytest.fixture
def shards(tmp_path, backbone):
    """The folder of a sharded backbone, after ``change`` of its index and tensors."""

    def write(change=lambda index, parts: None):
        weights = backbone.state_dict()
        names = [f'model-0000{i}-of-00002.safetensors' for i in (1, 2)]
        parts = {name: {} for name in names}
        index = {'metadata': {}, 'weight_map': {}}
        for number, (key, tensor) in enumerate(weights.items()):
            index['weight_map'][key] = names[number % 2]
            parts[names[number % 2]][key] = tensor.clone()
        change(index, parts)
        for name, part in parts.items():
            save_file(part, tmp_path / name)
        (tmp_path / INDEX).write_text(json.dumps(index))
        return tmp_path

    return write


@pytest.mark.parametrize('place', ['', INDEX])
def test_index_and_folder_are_read_like_any_other_file(shards, backbone, place):
    read = read_checkpoint(shards() / place)['state_dict']
    assert list(read) == list(backbone.state_dict())
    assert all(torch.equal(read[key], value) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize('place', ['', INDEX])
def test_init_cfg_and_mmengines_loader_take_them(shards, backbone, place):
    path = str(shards() / place)
    other = Heracles('nano', img_size=32, init_cfg=dict(type='Pretrained', checkpoint=path))
    other.init_weights()
    assert other.load_report.complete
    with read_plain_checkpoints_only():
        loaded = CheckpointLoader.load_checkpoint(path, 'cpu')['state_dict']
    for key, value in backbone.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)
        assert torch.equal(loaded[key], value)


def test_plain_mmengine_takes_the_index(shards):
    assert CheckpointLoader.load_checkpoint(str(shards() / INDEX), 'cpu')['state_dict']


def missing_shard(index, parts):
    parts.popitem()


def key_in_no_shard(index, parts):
    parts[next(iter(parts))].popitem()


def out_of_the_folder(index, parts):
    index['weight_map'][next(iter(index['weight_map']))] = '../other.safetensors'


def absolute(index, parts):
    index['weight_map'][next(iter(index['weight_map']))] = '/etc/passwd'


def no_name(index, parts):
    index['weight_map'][next(iter(index['weight_map']))] = 1


def nan(index, parts):
    next(iter(next(iter(parts.values())).values())).fill_(torch.nan)


def no_map(index, parts):
    del index['weight_map']


def no_dict(index, parts):
    index['weight_map'] = ['a']


REFUSED = {
    missing_shard: 'model-00002-of-00002.safetensors does not exist',
    key_in_no_shard: 'its shards lack ',
    out_of_the_folder: "its shard '../other.safetensors' is no file beside it",
    absolute: "its shard '/etc/passwd' is no file beside it",
    no_name: 'its shard 1 is no file beside it',
    nan: 'NaN',
    no_map: 'is no index of sharded safetensors',
    no_dict: 'is no index of sharded safetensors',
}


@pytest.mark.parametrize('change', REFUSED, ids=lambda change: change.__name__)
def test_what_is_wrong_is_one_sentence(shards, change):
    path = str(shards(change) / INDEX)
    model = Heracles('nano', img_size=32, init_cfg=dict(type='Pretrained', checkpoint=path))
    with pytest.raises(CheckpointError) as refused:
        model.init_weights()
    assert REFUSED[change] in str(refused.value)
    assert '\n' not in str(refused.value)


def test_a_url_says_what_to_do():
    with pytest.raises(CheckpointError, match='download its folder'):
        read_checkpoint(f'https://localhost/{INDEX}')


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='is a folder: name a file in it'):
        read_checkpoint(tmp_path)
