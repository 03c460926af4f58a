"""What a machine lacks for FLUX, said before anything is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from focusgen.base.errors import ConfigError

LIBRARIES = ("diffusers", "transformers", "accelerate", "safetensors")
QUANTISERS = {"fp8": "torchao", "nf4": "bitsandbytes"}
FETCH_ADVICE = "With network: focusgen weights fetch flux; then set model_id to the folder that it fills."
LAYOUT_ADVICE = (
    "The folder must hold FLUX.1-dev as published: transformer/ vae/ scheduler/, and tokenizer/ tokenizer_2/ "
    "text_encoder/ text_encoder_2/ for `focusgen weights prompts`."
)


def missing_libraries(precision: str = "bf16") -> list[str]:
    """Return the libraries that are not installed."""
    wanted = [*LIBRARIES, *([QUANTISERS[precision]] if precision in QUANTISERS else [])]
    return [name for name in wanted if importlib.util.find_spec(name) is None]


def require_libraries(precision: str = "bf16") -> None:
    """Refuse to go on without the libraries.

    Raises:
        ConfigError: names them and the command that installs them.
    """
    missing = missing_libraries(precision)
    if not missing:
        return
    quantiser = QUANTISERS.get(precision)
    command = f"pip install {quantiser}" if missing == [quantiser] else "pip install 'focusgen[gpu]'"
    raise ConfigError(f"FLUX needs {', '.join(missing)}, not installed here", command)


@contextmanager
def explain_download(
    model_id: str, fetch_advice: str = FETCH_ADVICE, layout_advice: str = LAYOUT_ADVICE
) -> Iterator[None]:
    """Turn the hub's and diffusers' errors about missing files into advice.

    Args:
        model_id: a folder or a hub id.
        fetch_advice: what to do where the hub is not to be had.
        layout_advice: what a folder must hold.

    Raises:
        ConfigError: no access, no network, no such folder or files.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ConfigError(
            f"{model_id}: only those who accepted its licence may download it", login_advice(model_id)
        ) from error
    except RepositoryNotFoundError as error:
        raise ConfigError(
            f"{model_id}: the hub knows no such model, or shows it to logged-in users only",
            "Check model_id, or log in: hf auth login",
        ) from error
    except LocalEntryNotFoundError as error:
        raise ConfigError(
            f"{model_id}: not on this machine, and the hub cannot be reached", fetch_advice
        ) from error
    except HFValidationError as error:
        raise ConfigError(f"{model_id}: neither a folder here nor a hub id", fetch_advice) from error
    except OSError as error:
        raise ConfigError(
            f"{model_id}: {_first_line(error)}", _advice(model_id, error, fetch_advice, layout_advice)
        ) from error


def login_advice(model_id: str) -> str:
    """Return how to get access to a gated model."""
    return (
        f"Accept the licence at https://huggingface.co/{model_id} and log in on this machine: hf auth login"
    )


def _first_line(error: OSError) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _advice(model_id: str, error: OSError, fetch_advice: str, layout_advice: str) -> str:
    """Return what to do about an OSError of from_pretrained, whose cause is only in its text."""
    text = str(error).lower()
    if "gated" in text or "401" in text or "403" in text:
        return login_advice(model_id)
    return layout_advice if Path(model_id).is_dir() else fetch_advice
