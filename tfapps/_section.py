"""The base of every part of a config: strict, frozen, and told in the words of YAML."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from tfapps import _problems


class Section(BaseModel):
    """Base of every plug-in's Config: unknown keys and wrong types are problems, never guesses.

    Example: `class Config(Section): name: str = "lora"; rank: int = Field(8, ge=1)`.
    """

    # protected_namespaces: plug-ins may well call a field `model_...`.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_yaml_meant(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        return _problems.as_meant(value, field.annotation)
