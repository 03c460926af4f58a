"""What a machine lacks for Stable Diffusion 3.5, and which sources can be one at all."""

from __future__ import annotations

import pytest

from focusgen.base.errors import ConfigError
from focusgen.focal.sd3 import access
from focusgen.focal.sd3.access import explain_access, require_libraries


@pytest.mark.parametrize("missing", [("peft",), ("diffusers", "peft")])
def test_libraries_are_named_in_order_with_the_command(monkeypatch, missing):
    monkeypatch.setattr(
        access.importlib.util, "find_spec", lambda name: None if name in missing else object()
    )
    with pytest.raises(ConfigError, match=f"needs {', '.join(missing)}, not installed") as caught:
        require_libraries()
    assert caught.value.advice == "pip install 'focusgen[focal]'"


@pytest.mark.parametrize("source", ["./none", "/none/at all", "~/sd35", "sd35", "a/b/c"])
def test_what_is_no_folder_and_no_hub_id_is_said_before_the_hub_is_asked(source):
    with pytest.raises(ConfigError, match="neither a folder here nor a hub id") as caught:
        with explain_access(source):
            raise AssertionError("nobody gets here")
    assert "focusgen weights fetch sd35-medium" in caught.value.advice


@pytest.mark.parametrize("source", ["stabilityai/stable-diffusion-3.5-medium", "some.one/model_1"])
def test_a_hub_id_passes_and_its_refusal_says_where_the_licence_is(source):
    with explain_access(source):
        pass
    with pytest.raises(ConfigError) as caught, explain_access(source):
        raise OSError("401: gated")
    assert source in caught.value.message + caught.value.advice


def test_a_folder_without_its_parts_is_told_the_layout(tmp_path):
    with pytest.raises(ConfigError) as caught, explain_access(str(tmp_path)):
        raise OSError("no file named config.json")
    assert "transformer/, vae/ and scheduler/" in caught.value.advice
