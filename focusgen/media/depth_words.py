"""Names that say of an array or a file that its numbers are no depth, and what they are."""

from __future__ import annotations

import re
from pathlib import Path

from focusgen.base.errors import UndecidedInputError
from focusgen.base.names import display

_INVERSE = "disparity or inverse depth"
_OTHERS: dict[str, str] = {
    **dict.fromkeys("disp disparity disparities inv inverse idepth invdepth".split(), _INVERSE),
    **dict.fromkeys("conf confidence certainty uncertainty".split(), "confidence"),
    **dict.fromkeys("mask masks valid seg segmentation label labels".split(), "a mask"),
    **dict.fromkeys("normal normals flow".split(), "directions"),
}
_TELLING_FOLDER = re.compile(
    r"inv(erse)?[_-]?depth|(?P<depth>.*depth.*)|(gt_?)?disp(arity|arities)?"
    r"([_-]?(occ|noc|gt|left|right|maps?|images?|png|norm(alized)?|pred|filled|dense|\d))*",
    re.IGNORECASE,
)
"""Of the folders round a file, the nearest such says what lies in it: `disparity/left/0006.pfm`."""

DISPARITY_ADVICE = "Depth in metres is focal length in px x baseline in m / disparity in px."


def other_quantity(name: str) -> str:
    """Return what a name says that its numbers are, where that is no depth; else ""."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return next((_OTHERS[w] for w in re.findall(r"[a-z]+", words.casefold()) if w in _OTHERS), "")


def check_array_name(name: str, said: str | None, flag: str) -> None:
    """Refuse an array that its name calls something else than depth, unless somebody said that it is.

    Args:
        name: as the file calls the array that was taken, as the only one.
        said: name that a person gave; None if nobody did.
        flag: how a person says it.

    Raises:
        UndecidedInputError: names the array and what it is called.
    """
    other = other_quantity(name) if said is None else ""
    if other:
        shown = display(name.strip("/"))
        advice = f"{DISPARITY_ADVICE} " if other == _INVERSE else ""
        raise UndecidedInputError(
            f"it holds {shown}, which is {other} by its name",
            f"{advice}If it is depth all the same, say {flag} {shown}.",
        )


def path_note(path: Path) -> str:
    """Return what to say of depth files that are called disparity, or lie in a folder that is."""
    parents = (folder.name for folder in path.parents)
    told = next((found for name in parents if (found := _TELLING_FOLDER.fullmatch(name))), None)
    of_folder = file_name_note(told[0]) if told and not told["depth"] else ""
    return file_name_note(path.name) or of_folder


def file_name_note(name: str) -> str:
    """Return what to say of depth files that are called disparity; "" for all others.

    The words of whole numbers and masks are part of too many names of scenes and cameras to be told.
    """
    if other_quantity(name) != _INVERSE:
        return ""
    return f"files named like {display(name)} hold {_INVERSE} by their name. {DISPARITY_ADVICE}"
