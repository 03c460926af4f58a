"""What a focal Stable Diffusion is made of: presets, objectives per head, and what is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from focusgen.base.errors import ConfigError

PresetName = Literal["tiny", "medium", "large"]
Objective = Literal["residual", "regression", "flow"]
Training = Literal["full", "lora", "new"]

TINY: dict[str, Any] = {
    "sample_size": 32,
    "patch_size": 2,
    "in_channels": 16,
    "num_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 3,
    "joint_attention_dim": 32,
    "caption_projection_dim": 48,
    "pooled_projection_dim": 16,
    "out_channels": 16,
    "pos_embed_max_size": 128,
    "dual_attention_layers": (0,),
    "qk_norm": "rms_norm",
}
MEDIUM: dict[str, Any] = {
    **TINY,
    "sample_size": 128,
    "num_layers": 24,
    "attention_head_dim": 64,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "caption_projection_dim": 1536,
    "pooled_projection_dim": 2048,
    "pos_embed_max_size": 384,
    "dual_attention_layers": tuple(range(13)),
}
LARGE: dict[str, Any] = {
    **MEDIUM,
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "pos_embed_max_size": 192,
    "dual_attention_layers": (),
}
TRANSFORMERS: Mapping[str, dict[str, Any]] = {"tiny": TINY, "medium": MEDIUM, "large": LARGE}
"""Arguments of diffusers' transformer, as in the published config.json; tiny is ours."""

PUBLISHED = {
    "medium": "stabilityai/stable-diffusion-3.5-medium",
    "large": "stabilityai/stable-diffusion-3.5-large",
}
ENCODER_WIDTH = {"tiny": 32, "medium": 128, "large": 128}


class Design(BaseModel):
    """All that decides which weights a checkpoint has, and what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sd3"] = "sd3"
    preset: PresetName = "tiny"
    base_model: str | None = Field(None, description="folder or hub id; None: the preset's; tiny: none")
    rgb: Objective = "residual"
    depth: Objective = "regression"
    residual_sigma: float = Field(0.5, gt=0, le=1)
    gate: float = Field(0.0, description="how much the model is listened to before training; 0: not at all")
    n_context: int = Field(4, ge=1)
    prompt_embedding: str | None = Field(None, description="safetensors: embeds, pooled of the empty prompt")
    n_features: int = Field(32, ge=1)
    trains: Training = "full"
    lora_rank: int = Field(64, ge=1)
    lora_alpha: float = Field(64.0, gt=0)
    seed: int = 0

    @property
    def objectives(self) -> tuple[Objective, Objective]:
        """Of the picture and of depth."""
        return self.rgb, self.depth

    @property
    def source(self) -> str | None:
        """Where the published weights come from; None: made here, from the seed."""
        return self.base_model or PUBLISHED.get(self.preset)

    @property
    def multiple(self) -> int:
        """Pixels that a side of a crop must be a multiple of: a latent's, times a patch's."""
        return 16 if self.source else 4

    @property
    def prompt_preset(self) -> str:
        """Whose text encoders embed the empty prompt: medium's and large's are the same."""
        return "large" if self.preset == "large" else "medium"

    def checked(self) -> Design:
        """Return the same.

        Raises:
            ConfigError: a LoRA on random weights, which nobody could load again.
        """
        if self.source is None and self.trains != "full":
            raise ConfigError(
                f"model.trains {self.trains}: {self.preset} without model.base_model has random weights",
                "Set model.trains: full, or give model.base_model.",
            )
        return self
