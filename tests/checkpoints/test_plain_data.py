"""What to_plain writes, torch reads with weights_only=True, and from_plain gives back."""

import enum
import io
from collections import Counter, OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import nn

from heracles_mm.checkpoints import from_plain, to_plain
from heracles_mm.checkpoints.plain import NotPlainError


def through_a_file(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def written_and_read(value):
    left_out: list[str] = []
    result = from_plain(through_a_file(to_plain(value, 'it', left_out)))
    assert left_out == []
    return result


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
)
plain_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(plain_values)
def test_builtin_data_comes_back_equal_whatever_its_nesting(value):
    assert written_and_read(value) == value


@pytest.mark.parametrize('dtype', ['?', 'u1', 'i2', 'i8', 'u4', 'f2', 'f4', 'f8', 'c8'])
@pytest.mark.parametrize('shape', [(), (0,), (3,), (2, 3)])
def test_arrays_come_back_as_arrays_of_the_same_dtype_and_shape(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    back = written_and_read({'a': array, 'reversed': array.T[::-1] if shape else array})
    assert isinstance(back['a'], np.ndarray)
    assert back['a'].dtype == array.dtype
    np.testing.assert_array_equal(back['a'], array)
    np.testing.assert_array_equal(back['reversed'], array.T[::-1] if shape else array)


def test_a_history_comes_back_with_its_values_counts_and_bound():
    """Resuming goes on averaging over the window that the log had before."""
    history = HistoryBuffer(max_length=5)
    for i in range(7):
        history.update(i * 1.5, i + 1)
    back = written_and_read({'train/loss': history})['train/loss']
    assert isinstance(back, HistoryBuffer)
    for ours, theirs in zip(back.data, history.data, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    back.update(1.0)
    assert len(back.data[0]) == 5
    assert history.mean(3) == HistoryBuffer(*history.data).mean(3)


def test_a_history_that_mmengine_pickled_before_is_read_like_a_fresh_one():
    """HistoryBuffer.__getstate__ writes functions into the object; they must not follow it."""
    history = HistoryBuffer([1.0], [1])
    history.__getstate__()
    np.testing.assert_array_equal(written_and_read([history])[0].data[0], [1.0])


class Colour(str, enum.Enum):
    RED = 'red'


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ('value', 'plain'),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_('a'), 'a'),
        (Colour.RED, 'red'),
        (Level.HIGH, 3),
        (Path('a/b'), 'a/b'),
        (deque([1, 2]), [1, 2]),
        (frozenset({1}), {1}),
        (ConfigDict(a=ConfigDict(b=1)), {'a': {'b': 1}}),
        (np.array(['cat', 'dog']), ['cat', 'dog']),
        ({np.int64(1): 'a'}, {1: 'a'}),
        (Counter({4: 1}), Counter({4: 1})),
        (torch.Size([2, 3]), torch.Size([2, 3])),
    ],
)
def test_relatives_of_builtin_types_become_the_builtin_type(value, plain):
    back = written_and_read([value])[0]
    assert back == plain
    assert type(back) is type(plain)


def test_a_state_dict_keeps_its_order_and_the_versions_of_its_modules():
    """BatchNorm's loader looks at the version in ``_metadata``."""
    state = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).state_dict()
    back = written_and_read({'state_dict': state})['state_dict']
    assert type(back) is OrderedDict
    assert list(back) == list(state)
    assert back._metadata == state._metadata
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_an_entry_without_a_plain_form_is_named_and_the_rest_stays():
    """A scheduler's function must not cost a training run its checkpoint."""
    left_out: list[str] = []
    value = {'keep': 1, 'inner': [{'function': len, 'keep': 2}], 'object': object()}
    assert to_plain(value, 'checkpoint', left_out) == {'keep': 1, 'inner': [{'keep': 2}]}
    assert left_out == [
        'checkpoint.inner[0].function (builtins.builtin_function_or_method)',
        'checkpoint.object (builtins.object)',
    ]


def test_a_foreign_object_outside_of_any_dict_is_an_error_that_says_where():
    with pytest.raises(NotPlainError, match=r'it\[1\] \(builtins.object\)'):
        to_plain([1, object()], 'it', [])


def test_the_live_objects_are_not_changed():
    """The checkpoint shares lists and dicts with the running schedulers and message hub."""
    history, inner = HistoryBuffer([1.0], [1]), {'a': np.float64(1)}
    value = {'history': history, 'inner': inner}
    plain = to_plain(value, 'it', [])
    history.update(2.0)
    assert value['history'] is history
    assert type(inner['a']) is np.float64
    assert plain['history']['log'].tolist() == [1.0]
