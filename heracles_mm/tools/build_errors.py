"""Errors of building a part from the config, told in a sentence instead of a traceback."""

import re
from traceback import walk_tb

from mmengine.dataset import BaseDataset
from mmengine.optim import build_optim_wrapper
from mmengine.registry import build_from_cfg

MISTAKES = (TypeError, ValueError, KeyError, OSError, ImportError)
"""What constructors raise for a wrong option or a missing file; the rest are errors of programs."""

_UNKNOWN_TYPE = re.compile(r'(\S+) is not in the (\S+?)(?:::(\S+))? registry')


def about_build_error(error: Exception) -> str | None:
    """Say which part of the config could not be built and why, in one sentence.

    Returns:
        The sentence, or None for an error that is none of ``MISTAKES`` or was not raised while
        mmengine built a part from the config.
    """
    if not isinstance(error, MISTAKES):
        return None
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    unknown = _UNKNOWN_TYPE.search(message)
    if unknown is not None:
        return _about_unknown_type(*unknown.groups())
    frames = list(walk_tb(error.__traceback__))
    builders = (build_from_cfg.__code__, build_optim_wrapper.__code__)
    building = [frame for frame, _ in frames if frame.f_code in builders]
    if not building:
        return None
    innermost, (last, line) = building[-1], frames[-1]
    if last.f_code.co_name == '_serialize_data':  # mmengine's BaseDataset, with an empty list
        return _about_empty_dataset(last.f_locals['self'])
    sentence = f'{_part(innermost.f_locals)} cannot be built from the config: {message}'
    if last is innermost:
        return sentence
    where = last.f_globals.get('__name__', last.f_code.co_filename)
    return f'{sentence} ({type(error).__name__} in {where}, line {line})'


def _part(variables: dict) -> str:
    """Name the part by the variables of the function that was building it."""
    if 'registry' not in variables:  # build_optim_wrapper
        return 'the optimizer wrapper'
    kind = variables['registry'].name.replace('_', ' ')
    name = getattr(variables.get('obj_cls'), '__name__', None)
    return f'the {kind} {name}' if name else f'a {kind}'


def _about_empty_dataset(dataset: BaseDataset) -> str:
    """Say where it looked: in a folder of pictures for a suffix, or in an annotation file."""
    prefix, suffix = dataset.data_prefix, getattr(dataset, 'img_suffix', None)
    folder = prefix.get('img_path') or prefix.get('img') or dataset.data_root
    where = f'{folder} with names that end in {suffix!r}' if suffix else folder
    return (
        f'the data set {type(dataset).__name__} found no picture in {where}: look at its '
        f'data_root, data_prefix, {"img_suffix" if suffix else "ann_file"} and filter_cfg'
    )


def _about_unknown_type(type_name: str, first: str, second: str | None) -> str:
    # 'mmdet::model registry' or, for a type that is a plain name, 'model registry'
    kind = second or first
    return (
        f'the config asks for the {kind.replace("_", " ")} {type_name.strip(chr(34) + chr(39))!r}, '
        'which nothing registered: look for a misspelling, and for the package that brings it in '
        "the config's custom_imports (heracles_mm for the parts of this package)"
    )
