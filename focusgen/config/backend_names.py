"""Types of the settings that name a backend: one of ours, or of an installed package."""

from __future__ import annotations

import difflib
import functools
from typing import Annotated

from pydantic import AfterValidator

from focusgen.base.names import display
from focusgen.config.backends import BUILT_IN, built_in, installed, names_of
from focusgen.config.graph import PhaseName


def _known(section: PhaseName, name: str) -> str:
    if built_in(section, name) is None and name not in installed(section):
        known = names_of(section)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {display(near[0])}?" if near else ""
        elsewhere = [other for other in BUILT_IN if other != section and built_in(other, name)]
        if elsewhere:
            hint = f"; that is one for {elsewhere[0]}.backend"
        raise ValueError(f"no such backend{hint}; choose from {', '.join(display(one) for one in known)}")
    return name


DeblurBackend = Annotated[str, AfterValidator(functools.partial(_known, "deblur"))]
DepthBackend = Annotated[str, AfterValidator(functools.partial(_known, "depth"))]
RenderBackend = Annotated[str, AfterValidator(functools.partial(_known, "render"))]
