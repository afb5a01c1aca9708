"""A resumed loop by iteration goes on with the batch and the random numbers that were to come."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import IterBasedTrainLoop

from heracles_mm.engine.exact_resume import ExactResume
from heracles_mm.engine.random_state import random_state

DONE = 3


def resumed_loop(**options):
    """A loop whose run was stopped after ``DONE`` steps, and the number that it would draw next."""
    loop = object.__new__(IterBasedTrainLoop)
    loop._iter, loop.dataloader_iterator = DONE, iter(range(10))
    vars(loop).update(options)
    resume = ExactResume()
    resume._resumed = {'random': random_state(), 'validated': True}
    next_draw = torch.rand(1)
    resume.before_train(
        SimpleNamespace(
            train_loop=loop,
            val_loop=None,
            _randomness_cfg={},
            _resume=True,
            hooks=[],
            message_hub=SimpleNamespace(log_scalars={}),
        )
    )
    return loop, next_draw


def by_official_mmengine(loop):
    for _ in range(DONE):
        next(loop.dataloader_iterator)


def by_onedl(loop):
    loop.dataloader_iterator.skip_iter(DONE)


@pytest.mark.parametrize('advance', [by_official_mmengine, by_onedl])
def test_both_lines_ways_to_advance_end_at_the_same_place(advance):
    loop, next_draw = resumed_loop()
    torch.rand(5)  # as loading the batches again does
    advance(loop)
    assert next(loop.dataloader_iterator) == DONE
    assert torch.equal(torch.rand(1), next_draw)


def test_a_loop_that_shall_not_repeat_the_data_has_its_random_numbers_at_once():
    """OneDL's fast_forward_on_resume: nobody advances, so nobody would set them later."""
    loop, next_draw = resumed_loop(fast_forward_on_resume=True)
    assert torch.equal(torch.rand(1), next_draw)
    assert next(loop.dataloader_iterator) == 0
