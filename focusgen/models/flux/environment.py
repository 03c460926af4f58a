"""What a machine lacks for FLUX, said before anything is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from focusgen.errors import ConfigError

LIBRARIES = ("diffusers", "transformers", "accelerate", "safetensors")
QUANTISERS = {"fp8": "torchao", "nf4": "bitsandbytes"}


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
    raise ConfigError(f"FLUX needs {', '.join(missing)}: not installed", command)


def require_device(device: str | None, setting: str) -> torch.device:
    """Return the device to work on.

    Args:
        device: what the user asked for, or None.
        setting: names the backend in the error, e.g. "deblur.backend: deblurnet".

    Raises:
        ConfigError: no GPU, and the CPU was not asked for; or the asked GPU is not there.
    """
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        raise ConfigError(
            f"{setting} needs a GPU: {why_no_gpu()}",
            "Run it in a GPU job, or give --device cpu: correct, but hours per frame at full size.",
        )
    chosen = torch.device(device)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device {device}: no such GPU; {why_no_gpu()}")
    return chosen


def why_no_gpu() -> str:
    """Return why torch sees no GPU, or how many it sees."""
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this torch ({torch.__version__}) is a CPU build"
    n_gpus = torch.cuda.device_count()
    return f"torch {torch.__version__} sees {n_gpus} GPU{'' if n_gpus == 1 else 's'}"


@contextmanager
def explain_download(model_id: str) -> Iterator[None]:
    """Turn the hub's and diffusers' errors about missing files into advice.

    Raises:
        ConfigError: no access, no network, no such folder or files.
    """
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        yield
    except GatedRepoError as error:
        raise ConfigError(
            f"{model_id}: access to this model is granted to persons who accepted its licence",
            f"Accept it at https://huggingface.co/{model_id} and log in on this machine: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise ConfigError(
            f"{model_id}: the hub knows no such model, or shows it to logged-in users only",
            "Check model_id, or log in: hf auth login",
        ) from error
    except LocalEntryNotFoundError as error:
        raise ConfigError(
            f"{model_id}: not on this machine, and the hub cannot be reached", FETCH_ADVICE
        ) from error
    except OSError as error:
        raise ConfigError(f"{model_id}: {_first_line(error)}", _advice(model_id, error)) from error


FETCH_ADVICE = "On a machine with network: focusgen weights fetch flux; or set model_id to a folder that holds FLUX.1-dev."


def _first_line(error: OSError) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _advice(model_id: str, error: OSError) -> str:
    """Return what to do about an OSError of from_pretrained, whose cause is only in its text."""
    text = str(error).lower()
    if "gated" in text or "401" in text or "403" in text:
        return f"Accept the licence at https://huggingface.co/{model_id} and log in on this machine: hf auth login"
    if Path(model_id).is_dir():
        return "The folder must have FLUX.1-dev's layout: transformer/ vae/ scheduler/ tokenizer/ text_encoder/ ..."
    return FETCH_ADVICE
