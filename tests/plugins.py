"""Throw-away plug-ins and configs: tests of the lowest line need nothing above it."""

from __future__ import annotations

import copy
import sys
import textwrap
import uuid
from pathlib import Path

import pytest

from tfapps import registry
from tfapps.config import load as configs
from tfapps.errors import ConfigError

FILES = {
    "task/classification": """
        from tfapps.config.sections import Section
        from tfapps.tasks import base
        class Config(Section):
            name: str = "classification"
            multi_label: bool = False
        class Task(base.Task):
            classifies = comparable = True
    """,
    "task/translation": """
        from tfapps.config.sections import Section
        from tfapps.tasks import base
        class Config(Section):
            name: str = "translation"
        class Task(base.Task):
            form = needs = "seq2seq"
    """,
    "model/bert": """
        from typing import Literal
        from pydantic import Field
        from tfapps.config.sections import Section
        from tfapps.models import base
        class Config(Section):
            name: str = "bert"
            preset: str | None = None
            max_length: int = Field(128, ge=2, le=512)
            gelu: Literal["exact", "tanh"] = "exact"
            dropout: float = Field(0.1, ge=0, lt=1)
            buckets: tuple[int, ...] = ()
        class Model(base.Model):
            pass
    """,
    "model/bilstm": """
        from tfapps.config.sections import Section
        from tfapps.models import base
        class Config(Section):
            name: str = "bilstm"
            units: int = 64
        class Model(base.Model):
            pass
    """,
    "form/single": "from tfapps.forms.single import Form",
    "form/seq2seq": "from tfapps.forms.seq2seq import Form",
    "model/_shared": "raise ImportError('a helper is no plug-in')",
    "source/tsv": """
        from typing import Self
        from pydantic import model_validator
        from tfapps.config.sections import Section
        class Config(Section):
            source: str = "tsv"
            train: str
            dev: str | float = 0.1
            text: str | list[str] = "text"
            label: str = "label"
            @model_validator(mode="after")
            def _columns(self) -> Self:
                if self.text == self.label:
                    raise ValueError(f"text and label are both {self.text!r}; name two columns")
                return self
    """,
    "tuner/full": """
        from tfapps.tuning import base
        class Config(base.Config):
            name: str = "full"
        class Tuner(base.Tuner):
            pass
    """,
    "tuner/lora": """
        from pydantic import Field
        from tfapps.tuning import base
        class Config(base.Config):
            name: str = "lora"
            rank: int = Field(8, ge=1)
        class Tuner(base.Tuner):
            pass
    """,
    "objective/plain": """
        from tfapps.config.sections import Section
        from tfapps.train.objectives import base
        class Config(Section):
            name: str = "plain"
        class Objective(base.Objective):
            pass
    """,
    "compressor/prune": """
        from pydantic import Field
        from tfapps.compress import base
        from tfapps.config.sections import Section
        class Config(Section):
            name: str = "prune"
            sparsity: float = Field(0.5, gt=0, lt=1)
        class Compressor(base.Compressor):
            pass
    """,
    "exporter/litert": """
        from tfapps.export import base
        class Exporter(base.Exporter):
            artifacts = ("litert_float32", "litert_int8")
    """,
    "exporter/saved_model": """
        from tfapps.export import base
        class Exporter(base.Exporter):
            artifacts = ("saved_model",)
    """,
}


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str] = FILES) -> None:
    """Point every kind of the registry at packages written under `folder`."""
    root = f"plugins_{uuid.uuid4().hex}"
    kinds = {kind: f"{root}.{kind}" for kind in registry.KINDS}
    for kind in kinds:
        (folder / root / kind).mkdir(parents=True)
        (folder / root / kind / "__init__.py").touch()
    for name, source in files.items():
        (folder / root / f"{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(registry, "KINDS", kinds)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


GOOD = {
    "task": {"name": "classification"},
    "data": {"source": "tsv", "train": "train.tsv"},
    "model": {"name": "bert"},
}


def good(**sections):
    return {**copy.deepcopy(GOOD), **sections}


def problems(raw, name="run"):
    with pytest.raises(ConfigError) as caught:
        configs.from_dict(raw, name)
    return caught.value.problems


def written(folder, text, name="run.yaml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def load_problems(path, overrides=()):
    with pytest.raises(ConfigError) as caught:
        configs.load(path, overrides)
    return caught.value.problems
