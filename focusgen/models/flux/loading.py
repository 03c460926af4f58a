"""FLUX.1-dev from a folder or the hub, its LoRA and its prompt, put together for one net."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from focusgen.base.errors import ConfigError, ModelMemoryError
from focusgen.models.checkpoints import check_file_finite
from focusgen.models.devices import is_out_of_memory
from focusgen.models.flux.environment import explain_download, require_libraries
from focusgen.models.flux.files import model_folder, part_weights
from focusgen.models.flux.forward import velocity
from focusgen.models.flux.lora import Adapter, coverage, load_adapter
from focusgen.models.flux.modulation import place
from focusgen.models.flux.options import FluxOptions
from focusgen.models.flux.parts import Autoencoder
from focusgen.models.flux.prompts import PromptEmbedding, load_prompt
from focusgen.models.flux.sampler import FluxSampler
from focusgen.models.flux.schedule import Schedule, schedule_from
from focusgen.models.flux.weights import gather, listed_shapes

log = logging.getLogger(__name__)

KEPT_IN_FULL = ["norm", "norm1", "norm1_context", "norm_out", "time_text_embed"]
"""Layers that no quantiser touches: modulation rests in host memory anyway, the rest is small."""

SPARE_ADVICE = (
    "Free the GPU, or set precision to fp8 or nf4, or offload to true; configs/flux_24gb.yaml does for a "
    "smaller GPU what can be done."
)


def load_sampler(options: FluxOptions, adapter: str, device: torch.device) -> FluxSampler:
    """Return a FLUX net, ready to sample.

    Everything that can be missing is looked for before the 24 GB are read.

    Args:
        adapter: name of the LoRA adapter that reads the conditions.

    Raises:
        ConfigError: says what is missing or does not fit together.
        ModelMemoryError: the weights do not fit into the GPU.
    """
    require_libraries(options.precision)
    low_rank = load_adapter(options.lora_file)
    prompt = load_prompt(options.prompt_cache, options.prompt)
    started_s = time.perf_counter()
    with _explaining_memory(f"{options.model_id}: the weights do not fit into {device}"):
        schedule, transformer, vae = _load_parts(options, device)
        weights = gather(transformer, {adapter: low_rank}, device, dtype_of(options.precision))
        for part in ("transformer", "vae"):
            for file in part_weights(options.model_id, part):
                check_file_finite(file)
    _check_prompt(prompt, transformer, options)
    notes = _lora_notes(low_rank, transformer, options)
    log.info("%s loaded in %.0f s", options.model_id, time.perf_counter() - started_s)
    return FluxSampler(
        weights=weights,
        vae=vae,
        schedule=schedule,
        prompt=prompt,
        n_steps=options.n_steps,
        guidance_scale=options.guidance_scale,
        velocity=torch.compile(velocity) if options.is_compiled else velocity,
        origin=f"{options.model_id} with {options.lora_file}",
        notes=notes,
    )


@contextlib.contextmanager
def _explaining_memory(what: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelMemoryError(what, SPARE_ADVICE) from error


def _load_parts(options: FluxOptions, device: torch.device) -> tuple[Schedule, Any, Autoencoder]:
    """Return the schedule, the transformer and the autoencoder of a model."""
    with explain_download(options.model_id):
        # A snapshot on this machine is read as a folder: the hub is not even asked.
        source = str(model_folder(options.model_id) or options.model_id)
        schedule = load_schedule(source)
        transformer = load_transformer(source, options, device)
        return schedule, transformer, load_vae(source, device, dtype_of(options.precision))


def _lora_notes(adapter: Adapter, transformer: nn.Module, options: FluxOptions) -> tuple[str, ...]:
    """Warn of a LoRA that changes less than it may, and return what the record says of it."""
    share = coverage(adapter, listed_shapes(transformer))
    if not share:
        return ()
    note = f"the LoRA changes {share} projections"
    log.warning("%s: %s; a whole file has them all", options.lora_file, note)
    return (note,)


def dtype_of(precision: str) -> torch.dtype:
    """Return the precision of activations; quantised weights compute in bfloat16."""
    return torch.float32 if precision == "fp32" else torch.bfloat16


def load_schedule(model_id: str) -> Schedule:
    """Return the noise levels of scheduler/scheduler_config.json.

    Raises:
        ConfigError: another model's.
    """
    config = _diffusers().FlowMatchEulerDiscreteScheduler.load_config(model_id, subfolder="scheduler")
    return schedule_from(config, f"{model_id}/scheduler")


def load_vae(model_id: str, device: torch.device, dtype: torch.dtype) -> Autoencoder:
    """Return the autoencoder.

    Raises:
        ConfigError: a weight is missing.
    """
    vae = _read_model("AutoencoderKL", model_id, "vae", **dtype_argument(dtype))
    loaded: Autoencoder = vae.requires_grad_(False).eval().to(device)
    return loaded


def load_transformer(source: str, options: FluxOptions, device: torch.device) -> Any:
    """Return the transformer on its device; modulation's weights stay in host memory.

    Raises:
        ConfigError: quantisation was asked for on a CPU.
    """
    arguments: dict[str, Any] = dtype_argument(dtype_of(options.precision))
    if options.precision in QUANTISERS:
        if device.type == "cpu":
            raise ConfigError(
                f"{options.section}.precision {options.precision} needs a GPU",
                "Use bf16 or fp32 with --device cpu.",
            )
        arguments["quantization_config"] = QUANTISERS[options.precision]()
    transformer = _read_model("FluxTransformer2DModel", source, "transformer", **arguments)
    transformer.requires_grad_(False).eval()
    if options.is_offloaded and device.type != "cpu":
        offload(transformer, device)
    else:
        place(transformer, device)
    return transformer


def _read_model(kind: str, source: str, part: str, **arguments: Any) -> Any:
    """Return a model of diffusers with all of its weights, and nothing unpickled.

    Raises:
        ConfigError: a weight is missing or has another shape; diffusers would only warn of the first.
    """
    try:
        model, found = getattr(_diffusers(), kind).from_pretrained(
            source, subfolder=part, use_safetensors=True, output_loading_info=True, **arguments
        )
    except ValueError as error:
        raise ConfigError(
            f"{source}/{part}: {error}", "Give a model_id whose files belong together."
        ) from error
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise ConfigError(
            f"{source}/{part}: {len(missing)} weights are missing, e.g. {missing[0]}",
            "Fetch the model again.",
        )
    return model


def offload(transformer: Any, device: torch.device) -> None:
    """Keep weights in host memory; diffusers' hooks bring each layer to the device for its product."""
    transformer.enable_group_offload(
        onload_device=device, offload_device=torch.device("cpu"), offload_type="leaf_level", non_blocking=True
    )


def _diffusers() -> Any:
    """Return the library, imported when a net is loaded and not before."""
    return importlib.import_module("diffusers")


def dtype_argument(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """Return the argument of from_pretrained that asks for a precision; 0.42 renamed it."""
    major, minor = (int(part) for part in importlib.metadata.version("diffusers").split(".")[:2])
    return {"dtype" if (major, minor) >= (0, 42) else "torch_dtype": dtype}


def _fp8() -> Any:
    quantization: Any = importlib.import_module("torchao.quantization")
    return _diffusers().TorchAoConfig(
        quantization.Float8WeightOnlyConfig(), modules_to_not_convert=KEPT_IN_FULL
    )


def _nf4() -> Any:
    return _diffusers().BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=KEPT_IN_FULL,
    )


QUANTISERS: Mapping[str, Callable[[], Any]] = {"fp8": _fp8, "nf4": _nf4}


def _check_prompt(prompt: PromptEmbedding, transformer: Any, options: FluxOptions) -> None:
    """Refuse an embedding of another model's text encoders."""
    config = transformer.config
    wanted = config.joint_attention_dim, config.pooled_projection_dim
    given = prompt.embeds.shape[-1], prompt.pooled.shape[-1]
    if given != wanted:
        raise ConfigError(
            f"{options.prompt_cache}: prompts of widths {given}, but {options.model_id} reads {wanted}",
            "Embed them with this model: focusgen weights prompts",
        )
