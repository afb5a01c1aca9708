"""Errors of reading a picture, told in a sentence: from this process or a loader's worker."""

import re
from traceback import format_exception

READER = 'mmcv/transforms/loading.py'
"""The file that reads pictures for all three libraries, as a traceback names it."""

SENTENCES = {
    r'^AssertionError: failed to load image: (.+)$': (
        'the picture {} cannot be decoded, so it is cut short, damaged or no picture: copy it '
        'again or take it out of the data'
    ),
    r"^FileNotFoundError: .*No such file or directory: '(.+)'$": (
        'the picture {} does not exist: copy the rest of the data'
    ),
    r'^cv2\.error: .*(buf\.empty\(\))': (
        'a picture is an empty file: "find FOLDER -size 0" names it, copy it again'
    ),
}
"""The last line of a traceback that passes through ``READER``, and what it means."""


def about_picture_error(error: Exception) -> str | None:
    """Say which picture cannot be read, or None for an error that is about none.

    A worker of a DataLoader hands its traceback on as text, so the text is looked at in both cases.
    """
    text = ''.join(format_exception(error))
    if READER not in text:
        return None
    for pattern, sentence in SENTENCES.items():
        found = re.findall(pattern, text, re.MULTILINE)
        if found:
            return sentence.format(found[-1])
    return None
