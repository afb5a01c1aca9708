"""Checkpoint files that are wrong in all the ways we could think of, by kind."""

import copy
import io
import pickle
import struct
import zipfile

import torch


class Payload:
    """Unpickling it would make a file in the current folder."""

    def __reduce__(self):
        return open, ('the_payload_ran', 'w')


def saved(content) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def rezipped(data: bytes, change) -> bytes:
    """The archive written again by ``change(archive_out, name, content)`` for each entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, 'w') as new:
        for name in old.namelist():
            change(new, name, old.read(name))
    return out.getvalue()


def cut(data, part):
    return data[: int(len(data) * part)]


def flipped(data, entry):
    """One bit changed in the middle of an entry of the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(entry))
        content = archive.read(name)
    at = data.index(content) + len(content) // 2
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]


def compressed(data):
    return rezipped(data, lambda z, name, content: z.writestr(name, content, zipfile.ZIP_DEFLATED))


def bomb(data):
    """A weight of 64 MB of zeros in some kB."""

    def change(archive, name, content):
        if name.endswith('data/0'):
            content = bytes(64_000_000)
        archive.writestr(name, content, zipfile.ZIP_DEFLATED)

    return rezipped(data, change)


def claims_more(data):
    """The directory at the end says that a weight has 2 GB."""
    start = data.rindex(b'PK\1\2', 0, data.rindex(b'data/0'))
    return data[: start + 20] + struct.pack('<II', 2**31, 2**31) + data[start + 28 :]


def with_entry(name):
    def change(data):
        out = io.BytesIO(data)
        with zipfile.ZipFile(out, 'a') as archive:
            archive.writestr(name, b'x')
        return out.getvalue()

    return change


def changed(content, change):
    content = copy.deepcopy(content)
    change(content)
    return content


def weight_as(value):
    """Put ``value(tensor)`` in place of the first real weight of several elements."""

    def change(content):
        weights = content['state_dict']
        key = next(k for k, v in weights.items() if v.is_floating_point() and v.numel() > 1)
        weights[key] = value(weights[key])

    return change


def with_first(bad):
    def change(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[0] = bad
        return tensor

    return change


BYTES = {
    'empty': ('damaged', lambda data: b''),
    'zeros': ('damaged', lambda data: bytes(len(data))),
    'no checkpoint': ('damaged', lambda data: b'<html>404</html>'),
    **{
        f'cut to {part:.1%}': ('truncated', lambda data, part=part: cut(data, part))
        for part in (0.001, 0.1, 0.5, 0.9, 0.999)
    },
    **{
        f'bit flipped in {entry}': ('bit-flipped', lambda data, entry=entry: flipped(data, entry))
        for entry in ('data.pkl', 'data/0', 'data/1', 'version', 'byteorder')
    },
    'compressed': ('archive tricks', compressed),
    'bomb': ('archive tricks', bomb),
    'claims 2 GB': ('archive tricks', claims_more),
    'entry ../': ('archive tricks', with_entry('../../outside')),
    'entry /': ('archive tricks', with_entry('/outside')),
    'entry twice': ('archive tricks', lambda data: with_entry(first_name(data))(data)),
    'code': ('code', lambda data: saved({'state_dict': {}, 'meta': Payload()})),
    'code in a bare pickle': ('code', lambda data: pickle.dumps({'meta': Payload()})),
}
"""name -> kind and what to do with the bytes of a good file."""


def first_name(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()[0]


CONTENT = {
    'whole numbers': ('wrong dtype', weight_as(lambda t: t.long())),
    'complex': ('wrong dtype', weight_as(lambda t: t.to(torch.complex64))),
    'bool': ('wrong dtype', weight_as(lambda t: t > 0)),
    'a text': ('wrong dtype', weight_as(lambda t: 'weight')),
    'a list': ('wrong dtype', weight_as(lambda t: t.tolist())),
    'None': ('wrong dtype', weight_as(lambda t: None)),
    'sparse': ('wrong dtype', weight_as(lambda t: t.to_sparse())),
    'meta': ('wrong dtype', weight_as(lambda t: t.to('meta'))),
    'quantized': (
        'wrong dtype',
        weight_as(lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8)),
    ),
    'transposed': ('wrong shape', weight_as(lambda t: t[None])),
    'flat': ('wrong shape', weight_as(lambda t: torch.cat([t.flatten(), t.flatten()]))),
    'no element': ('wrong shape', weight_as(lambda t: t.flatten()[:0])),
    'huge by stride': (
        'wrong shape',
        weight_as(lambda t: torch.zeros(1).expand(10**6, 10**6)),
    ),
    'NaN': ('not finite', weight_as(with_first(float('nan')))),
    'inf': ('not finite', weight_as(with_first(float('inf')))),
    '-inf': ('not finite', weight_as(with_first(float('-inf')))),
    'a key less': ('incomplete', lambda c: c['state_dict'].popitem()),
    'no weights': ('incomplete', lambda c: c['state_dict'].clear()),
    'renamed': (
        'incomplete',
        lambda c: c.update(state_dict={f'x.{k}': v for k, v in c['state_dict'].items()}),
    ),
    'no state_dict': ('incomplete', lambda c: c.pop('state_dict')),
}
"""name -> kind and what to do with the content of a good file."""
