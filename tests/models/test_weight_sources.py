"""Published weights: which name means what, and what a person must know before using them."""

from __future__ import annotations

import pytest

from focusgen.base.errors import ConfigError
from focusgen.config.backends import BUILT_IN
from focusgen.models.weight_sources import SOURCES, find_source, licence_text, vda_licence


def test_the_short_name_is_the_default_checkpoint():
    assert find_source("vda") is SOURCES["vda-vitl"]
    with pytest.raises(ConfigError, match="no weights called 'vda-vitg'") as caught:
        find_source("vda-vitg")
    assert "vda-vits" in caught.value.advice and "flux" in caught.value.advice


def test_non_commercial_and_gated_weights_are_called_so():
    assert "NO commercial use" in licence_text(SOURCES["vda-vitl"])
    assert "commercial use allowed" in licence_text(SOURCES["vda-vits"])
    assert "gated" in licence_text(SOURCES["flux"]) and "gated" not in licence_text(SOURCES["deblurnet"])
    assert (vda_licence("vits"), vda_licence("vitb")) == ("Apache-2.0", "CC-BY-NC-4.0")


def test_a_folder_of_a_pipeline_is_told_from_a_single_file():
    assert {name for name, source in SOURCES.items() if source.is_folder} == {
        "flux",
        "sd35-medium",
        "sd35-large",
    }


def test_weights_are_called_like_the_backend_that_reads_them():
    names = {backend.name for rows in BUILT_IN.values() for backend in rows}
    assert {name.partition("-")[0] for name in SOURCES} - {"flux", "sd35"} <= names
