import pytest

from heracles_mm.datasets import ScenesSpec


def test_a_config_may_hand_over_lists() -> None:
    assert ScenesSpec(objects=[2, 3], object_px=[20, 40]) == ScenesSpec(  # type: ignore[arg-type]
        objects=(2, 3), object_px=(20, 40)
    )


def test_plain_data_makes_the_same_spec_again() -> None:
    spec = ScenesSpec(num_train=7, seed=5, objects=(2, 3))
    assert ScenesSpec(**spec.as_dict()) == spec


@pytest.mark.parametrize(
    ('options', 'error', 'said'),
    [
        ({'num_train': 0}, ValueError, 'num_train must be from 1'),
        ({'num_val': -1}, ValueError, 'num_val must be from 1'),
        ({'num_train': 1.5}, TypeError, 'num_train must be an integer'),
        ({'num_train': True}, TypeError, 'num_train must be an integer'),
        ({'num_train': '800'}, TypeError, 'num_train must be an integer'),
        ({'size': 32}, ValueError, 'size must be from 64'),
        ({'size': 4096}, ValueError, 'size must be from 64 to 2048'),
        ({'seed': -1}, ValueError, 'seed must be from 0'),
        ({'objects': 3}, TypeError, 'objects must be two integers'),
        ({'objects': (1, 2, 3)}, TypeError, 'objects must be two integers'),
        ({'objects': 'ab'}, TypeError, 'objects must be two integers'),
        ({'objects': (0, 2)}, ValueError, 'objects must be from 1'),
        ({'objects': (3, 2)}, ValueError, 'objects must not fall'),
        ({'object_px': (26, 200)}, ValueError, 'object_px must be from 8 to 160'),
        ({'size': 64}, ValueError, 'object_px must be from 8 to 64'),
    ],
)
def test_a_wrong_value_is_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ScenesSpec(**options)
