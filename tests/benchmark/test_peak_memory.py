"""The counted peak equals what arithmetic and the operating system say."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from heracles_mm import Heracles
from heracles_mm.benchmark.resources import held_bytes, peak_bytes
from heracles_mm.benchmark.workloads import forward_backward

CPU = torch.device('cpu')
N = 250_000
CLEAR = Path('/proc/self/clear_refs')

RESIDENT = """
import re, sys, torch
from pathlib import Path
from heracles_mm import Hamsa
from heracles_mm.benchmark.resources import peak_bytes
from heracles_mm.benchmark.workloads import forward_backward

def status(key):
    return int(re.search(key + r':\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]) * 1024

x = torch.randn(1, 3, 256, 256)
call = forward_backward(Hamsa('nano', img_size=256), x, torch.float32)
call()
before = status('VmRSS')
Path('/proc/self/clear_refs').write_text('5')  # forget the old peak
call()
print(status('VmHWM') - before, peak_bytes(call, torch.device('cpu')))
"""


def test_a_chain_of_known_tensors():
    """exp makes one tensor of 4 N bytes each; at the end b, c and d live, a does not."""
    x = torch.randn(N)

    def call():
        a = x.exp()
        b = a.exp()
        del a
        c = b.exp()
        return c.exp()

    assert peak_bytes(call, CPU) == 3 * 4 * N


def test_what_autograd_saves_counts():
    """Every function keeps a tensor of 4 N bytes for the backward pass: exp its output, sin its
    input. Without a graph only the input and output of the function at work are held."""
    x = torch.randn(N, requires_grad=True)

    def call():
        return x.exp().sin().sin().sin()

    assert peak_bytes(call, CPU) == 4 * 4 * N
    with torch.no_grad():
        assert peak_bytes(call, CPU) == 2 * 4 * N


def test_gradients_count():
    """Backward of exp multiplies its output by the gradient that came in: two tensors."""
    x = torch.randn(N, requires_grad=True)
    gradient = torch.randn(N)
    assert peak_bytes(lambda: x.exp().backward(gradient), CPU) == 2 * 4 * N
    assert x.grad is not None


def test_checkpointing_lowers_it():
    x = torch.randn(1, 3, 64, 64)
    peaks = {}
    for with_cp in (False, True):
        model = Heracles('nano', img_size=64, with_cp=with_cp)
        call = forward_backward(model, x, torch.float32)
        call()
        peaks[with_cp] = peak_bytes(call, CPU)
        gradients = sum(p.nbytes for p in model.parameters())
        assert peaks[with_cp] > gradients
        assert held_bytes(model, x) >= gradients + x.nbytes
    assert peaks[True] < peaks[False]


@pytest.mark.skipif(not CLEAR.exists(), reason='needs the peak of resident memory of Linux')
def test_the_system_hands_out_what_was_counted():
    """With every larger block its own mapping, pages in use are tensors in use. The warm-up, the
    threads and the small blocks blur it by a few percent."""
    done = subprocess.run(
        [sys.executable, '-c', RESIDENT],
        env={
            'MALLOC_MMAP_THRESHOLD_': '65536',
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    resident, counted = map(int, done.stdout.split())
    assert resident == pytest.approx(counted, rel=0.05)
