"""Constant tables of the transforms, computed in float64 and kept in one bounded cache."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

Builder = Callable[[int, int], Tensor]


class TableCache:
    """A least-recently-used store of tensors that never holds more than ``max_bytes``.

    Any number of input sizes may pass through a backbone; the tables of the sizes seen last stay,
    the others are computed again when they return.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._tables: OrderedDict[tuple, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple, build: Callable[[], Tensor]) -> Tensor:
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
            table = build()
            if type(table) is not Tensor:  # it holds no numbers
                return table
            self._tables[key] = table
            self.bytes += table.nbytes
            while self.bytes > self.max_bytes:
                self.bytes -= self._tables.popitem(last=False)[1].nbytes
            return table

    def tensors(self) -> list[Tensor]:
        with self._lock:
            return [*self._tables.values()]

    def clear(self) -> None:
        with self._lock:
            self._tables.clear()
            self.bytes = 0

    def __len__(self) -> int:
        return len(self._tables)


CACHE = TableCache(max_bytes=64 * 2**20)


def table(builder: Builder, like: Tensor, n: int, m: int = 0) -> Tensor:
    """The constant ``builder(n, m)`` in the dtype and on the device of ``like``.

    The builder computes in float64 (complex128); a complex table comes in the complex dtype that
    belongs to ``like``. Only ordinary tensors are kept: while a graph is traced or compiled
    (fake tensors), the table becomes part of that graph instead.
    """

    def build() -> Tensor:
        # A table made inside inference_mode could never take part in a later backward pass.
        with torch.inference_mode(False), torch.no_grad():
            exact = builder(n, m)
            least = torch.complex64 if exact.is_complex() else like.dtype
            dtype = torch.promote_types(like.dtype, least)
            return exact.to(device=like.device, dtype=dtype)

    if torch.compiler.is_compiling() or type(like) not in (Tensor, torch.nn.Parameter):
        return build()
    return CACHE.get((builder, n, m, like.dtype, like.device), build)


def _range(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float64, device='cpu')


def dct_matrix(n: int, _: int = 0) -> Tensor:
    """Orthonormal DCT-II, (n, n): row k is ``c_k cos(pi k (2 i + 1) / 2 n)``; its inverse (DCT-III)
    is its transpose."""
    k, i = _range(n)[:, None], _range(n)[None, :]
    # Reducing the integer modulo the period 4 n keeps the angle exact for any n.
    matrix = torch.cos((k * (2 * i + 1)) % (4 * n) * (math.pi / (2 * n))) * math.sqrt(2 / n)
    matrix[0] /= math.sqrt(2)
    return matrix


def dct_phase(n: int, _: int = 0) -> Tensor:
    """The factors ``c_k exp(-j pi k / 2 n)``, (n // 2 + 1,), that turn the real FFT of the
    even-odd ordered signal into its DCT-II (Makhoul 1980)."""
    k = _range(n // 2 + 1)
    scale = torch.full_like(k, math.sqrt(2 / n))
    scale[0] = math.sqrt(1 / n)
    return torch.polar(scale, -k * (math.pi / (2 * n)))


def _angles(n: int) -> Tensor:
    k, i = _range(n)[:, None], _range(n)[None, :]
    return (k * i) % n * (2 * math.pi / n)


def cos_matrix(n: int, _: int = 0) -> Tensor:
    """Real part of the orthonormal DFT, (n, n)."""
    return torch.cos(_angles(n)) / math.sqrt(n)


def sin_matrix(n: int, _: int = 0) -> Tensor:
    """Minus the imaginary part of the orthonormal DFT, (n, n)."""
    return torch.sin(_angles(n)) / math.sqrt(n)


def cas_matrix(n: int, _: int = 0) -> Tensor:
    """Orthonormal 1-D Hartley matrix, cas t = cos t + sin t, (n, n)."""
    return cos_matrix(n) + sin_matrix(n)


def cas_reversed_matrix(n: int, _: int = 0) -> Tensor:
    """The Hartley matrix at negated frequencies, cas(-t) = cos t - sin t, (n, n)."""
    return cos_matrix(n) - sin_matrix(n)


def cas_pair(n: int, _: int = 0) -> Tensor:
    """The Hartley matrix, and below it that of negated frequencies, (2 n, n)."""
    return torch.cat((cas_matrix(n), cas_reversed_matrix(n)))


def cos_sin_pairs(n: int, _: int = 0) -> Tensor:
    """Columns of the cosine and the sine matrix by turns, (n, 2 n)."""
    return torch.stack((cos_matrix(n), sin_matrix(n)), dim=2).flatten(1)


def bin_shares(n: int, rows: int) -> Tensor:
    """Of each bin of ``rows`` half spectra (rows (n // 2 + 1),): 1 where the whole spectrum has it
    once, 1 / 2 where it has it twice, up to conjugation."""
    k = _range(n // 2 + 1)
    return ((1 + ((k == 0) | (2 * k == n)).double()) / 2).repeat(rows)


def cas_pair_to_dft(_: int, __: int = 0) -> Tensor:
    """What makes a DFT of K(f) + j K(-f), K a Hartley spectrum: a number, which as one of Python
    torch 2.11 cannot compile."""
    return torch.tensor((1 - 1j) / 2, dtype=torch.complex128, device='cpu')


def complex_pair(_: int, __: int = 0) -> Tensor:
    """What makes R + j I and R - j I of R and I, (2, 2)."""
    return torch.tensor([[1, 1j], [1, -1j]], dtype=torch.complex128, device='cpu')


def complex_product(_: int, __: int = 0) -> Tensor:
    """Half of what the real and the imaginary part of a weight are multiplied with in its real
    matrix, and in that of its conjugate: (2 inputs, 2 weights, 2 outputs, 2 parts)."""
    straight = torch.tensor(
        [[[1, 0], [0, 1]], [[0, -1], [1, 0]]], dtype=torch.float64, device='cpu'
    )
    return torch.stack((straight, straight * straight.new_tensor([1, -1])), dim=1) / 2


def lerp_matrix(n: int, m: int, wrap: bool) -> Tensor:
    """Linear interpolation from ``n`` to ``m`` frequency samples, (m, n), rows summing to 1.

    Sample k of a grid of n stands for the frequency k / n of its period, so row k reads position
    ``k n / m``; after the last sample the axis holds its value, or wraps round.
    """
    position = _range(m) * (n / m)
    low = position.floor().clamp(max=n - 1)
    high = (low + 1) % n if wrap else (low + 1).clamp(max=n - 1)
    share = position - low
    matrix = torch.zeros(m, n, dtype=torch.float64, device='cpu')
    rows = torch.arange(m, device='cpu')
    matrix[rows, low.long()] += 1 - share
    matrix[rows, high.long()] += share
    return matrix


def lerp_hold_matrix(n: int, m: int) -> Tensor:
    """:func:`lerp_matrix` for an axis that ends (cosine frequencies 0 to pi)."""
    return lerp_matrix(n, m, wrap=False)


def lerp_wrap_matrix(n: int, m: int) -> Tensor:
    """:func:`lerp_matrix` for a periodic axis (Hartley frequencies)."""
    return lerp_matrix(n, m, wrap=True)
