"""What a machine lacks for FLUX, in words: libraries, access, network, files."""

from __future__ import annotations

import pytest
from huggingface_hub import errors

from focusgen.base.errors import ConfigError
from focusgen.models.flux import environment
from focusgen.models.flux.environment import explain_download, missing_libraries, require_libraries


@pytest.fixture
def lacking(monkeypatch):
    """Return a way to let libraries be missing."""

    def lack(*names: str) -> None:
        monkeypatch.setattr(
            environment.importlib.util, "find_spec", lambda name: None if name in names else object()
        )

    return lack


@pytest.mark.parametrize(
    ("missing", "precision", "command"),
    [
        (("diffusers", "accelerate"), "bf16", "pip install 'focusgen[gpu]'"),
        (("torchao",), "fp8", "pip install torchao"),
        (("bitsandbytes",), "nf4", "pip install bitsandbytes"),
        (("diffusers", "torchao"), "fp8", "pip install 'focusgen[gpu]'"),
    ],
)
def test_missing_libraries_are_named_with_the_command_that_installs_them(
    lacking, missing, precision, command
):
    lacking(*missing)
    assert missing_libraries(precision) == list(missing)
    with pytest.raises(ConfigError, match=f"FLUX needs {', '.join(missing)}") as caught:
        require_libraries(precision)
    assert caught.value.advice == command


def test_a_quantiser_is_asked_for_only_where_it_is_used(lacking):
    lacking("torchao", "bitsandbytes")
    require_libraries("bf16")
    assert missing_libraries("fp8") == ["torchao"]


def hub(kind: type, text: str = "403 Client Error") -> Exception:
    return kind.__new__(kind, text)  # the other parts are the HTTP client's


@pytest.mark.parametrize(
    ("error", "said", "advice"),
    [
        (
            hub(errors.GatedRepoError),
            "only those who accepted its licence",
            "https://huggingface.co/some/model",
        ),
        (hub(errors.RepositoryNotFoundError), "the hub knows no such model", "hf auth login"),
        (errors.LocalEntryNotFoundError("x"), "the hub cannot be reached", "focusgen weights fetch flux"),
        (errors.HFValidationError("x"), "neither a folder here nor a hub id", "focusgen weights fetch flux"),
        (OSError("401 Unauthorized"), "401 Unauthorized", "hf auth login"),
        (OSError("This is a GATED repo\nand more"), "This is a GATED repo", "hf auth login"),
        (OSError("no file named x"), "no file named x", "focusgen weights fetch flux"),
        (OSError(), "OSError", "focusgen weights fetch flux"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_the_hub_refuses_becomes_advice(error, said, advice):
    with pytest.raises(ConfigError, match=f"some/model: .*{said}") as caught:
        with explain_download("some/model"):
            raise error
    assert advice in caught.value.advice and "\n" not in caught.value.message


def test_a_folder_that_lacks_something_is_told_what_it_must_hold(tmp_path):
    with pytest.raises(ConfigError) as caught, explain_download(str(tmp_path)):
        raise OSError("no file named config.json")
    assert "transformer/ vae/ scheduler/" in caught.value.advice
    with pytest.raises(ConfigError) as caught, explain_download(str(tmp_path), layout_advice="Mine."):
        raise OSError("no file named config.json")
    assert caught.value.advice == "Mine."


def test_other_errors_stay_what_they_are():
    with pytest.raises(KeyError), explain_download("some/model"):
        raise KeyError("x")
    with explain_download("some/model"):
        pass
