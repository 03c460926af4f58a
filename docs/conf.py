"""Sphinx: the site of `make docs`. Reference pages are written from the code before every build."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from reference_pages import write_pages  # noqa: E402

from focusgen import __version__  # noqa: E402

project = "focusgen"
author = "The focusgen developers"
copyright = "2026, the focusgen developers; Apache-2.0"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "separated"
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"focusgen {__version__}"
html_copy_source = False

write_pages(HERE / "reference")
