"""What a person may choose for each family. Light: a page draws its forms from here without loading torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AutoregressiveOptions", "DiffusionOptions", "FlowOptions", "GanOptions", "SketchOptions", "VaeOptions"]


class DiffusionOptions(BaseModel):
    """Of the diffusion family."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(12, ge=1, le=200, description="Steps from noise to picture; more is slower and a little finer.")
    guidance: float = Field(2.0, ge=0.0, le=12.0, description="How closely the prompt is followed; 1 is plain.")
    temperature: float = Field(
        0.8, ge=0.0, le=1.5, description="Size of the noise it starts from; smaller is smoother, and seeds differ less."
    )


class AutoregressiveOptions(BaseModel):
    """Of the autoregressive family."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guidance: float = Field(1.0, ge=0.0, le=8.0, description="How closely the prompt is followed; 1 is plain.")
    temperature: float = Field(0.3, ge=0.0, le=2.0, description="0 always writes the likeliest code.")
    top_p: float = Field(
        0.92, gt=0.0, le=1.0, description="Codes outside the likeliest part of this size are left out."
    )


class FlowOptions(BaseModel):
    """Of the flow family."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(0.6, ge=0.0, le=1.5, description="Size of the noise that is turned into a picture.")
    guidance: float = Field(1.0, ge=0.0, le=4.0, description="How closely the prompt is followed; 1 is plain.")


class VaeOptions(BaseModel):
    """Of the VAE family."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(0.3, ge=0.0, le=1.5, description="Size of the noise in both levels; 0 is the mean.")


class GanOptions(BaseModel):
    """Of the GAN family."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(1.0, ge=0.0, le=1.5, description="Size of the noise; smaller is safer and more alike.")


class SketchOptions(BaseModel):
    """Of the sketch that all families start from: there is nothing to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
