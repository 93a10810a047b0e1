"""Heads of a classifier on the vector of a text, and what they start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from tfapps import registry
from tfapps.config import paths, strict_yaml
from tfapps.config.reads import DataFile
from tfapps.config.sections import Section
from tfapps.errors import ConfigError, InputError
from tfapps.text import lines
from tfapps.text.labels import normal

if TYPE_CHECKING:
    import keras

HEAD, VECTOR = "head", "head_dropout"
Start = Literal["random", "means", "logistic", "descriptions"]


class Head(Section):
    """Base of the Config of a task with one label a text.

    Attributes:
        head: `linear`; or `prototype`, the cosine of the text's vector and of one for each label.
        scale: prototype only, what the cosine is multiplied by.
        head_start: from the vectors that the encoder makes before it is trained: `means` of each
            label's texts (Snell et al. 2017, "Prototypical Networks for Few-shot Learning"), a
            `logistic` regression on them (as SetFit does), or those of `descriptions`. Left out, it
            is `means` for prototypes and `random` else.
        descriptions: a text for each label, by its name; or a YAML file of such, or one of lines of
            label, tab and text. Left out, a label is described by its name with spaces for `_`.
    """

    head: Literal["linear", "prototype"] = "linear"
    scale: float = Field(default=20.0, gt=0.0)
    head_start: Start | None = None
    descriptions: dict[str, str] | DataFile | None = None
    multi_label: bool = False

    @property
    def start(self) -> Start:
        """Return what the head starts from."""
        return self.head_start or ("means" if self.head == "prototype" else "random")

    @model_validator(mode="after")
    def _go_together(self) -> Head:
        if self.multi_label and (self.head != "linear" or self.start != "random"):
            raise ValueError(
                "head: prototype and head_start need one label a text; remove multi_label: true, "
                "or the two"
            )
        if self.descriptions is not None and self.start != "descriptions":
            raise ValueError(
                f"descriptions are not read with head_start: {self.start}; set head_start: "
                "descriptions, or leave them out"
            )
        return self


def logits(config: Head, classes: int, pooled: Any) -> Any:
    """Apply dropout and the head to the pooled state: (b, d) -> (b, c)."""
    import keras

    from tfapps.layers.linear import Linear
    from tfapps.layers.unit_length import UnitLength

    x = keras.layers.Dropout(config.dropout, name=VECTOR)(pooled)
    prototype = config.head == "prototype"
    if prototype:
        x = UnitLength(config.scale, name="head_unit")(x)
    x = Linear(classes, use_bias=not prototype, name=HEAD)(x)
    return keras.layers.Activation("linear", dtype="float32", name="logits")(x)


def fill(config: Head, model: keras.Model, x: np.ndarray, label: np.ndarray, classes: int) -> None:
    """Set the weights of the head from vectors of texts.

    Args:
        x: vectors, (n, d).
        label: number of the class of each, (n,); every class has one.
    """
    x = np.asarray(x, np.float64)
    prototype = config.head == "prototype"
    if prototype:
        x = unit(x)
    if config.start == "logistic":
        kernel, bias = _logistic(x * (config.scale if prototype else 1.0), label, not prototype)
    else:
        means = np.stack([x[label == number].mean(axis=0) for number in range(classes)])
        # The nearest mean has the largest of these: |x - m|^2 without what all have in common.
        kernel, bias = (unit(means) if prototype else means).T, -np.square(means).sum(axis=1) / 2
    layer = model.get_layer(HEAD)
    layer.kernel.assign(kernel)
    if layer.bias is not None:
        layer.bias.assign(bias)


def unit(x: np.ndarray) -> np.ndarray:
    """Scale rows (n, d) to length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-6)


def _logistic(x: np.ndarray, label: np.ndarray, bias: bool) -> tuple[np.ndarray, Any]:
    """Return kernel (d, c) and bias (c,) of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=2000, fit_intercept=bias).fit(x, label)
    kernel, more = model.coef_.T, np.broadcast_to(model.intercept_, len(model.coef_))
    if kernel.shape[1] == 1:  # of two classes it tells by how much the second has more
        return np.concatenate([-kernel, kernel], axis=1) / 2, np.concatenate([-more, more]) / 2
    return kernel, more


def label_texts(
    descriptions: dict[str, str] | str | None, labels: Sequence[str], root: str | None
) -> list[str]:
    """Return a text for each label.

    Raises:
        InputError: the file is not one of descriptions, or they are not of just these labels.
    """
    if descriptions is None:
        return [label.replace("_", " ") for label in labels]
    texts = (
        _read(paths.locate(descriptions, root)) if isinstance(descriptions, str) else descriptions
    )
    texts = {normal(label): text for label, text in texts.items()}
    unknown = sorted(texts.keys() - set(labels))
    if unknown:
        raise InputError(f"task.descriptions: {registry.unknown('label', unknown[0], labels)}")
    missing = [label for label in labels if not texts.get(label, "").strip()]
    if missing:
        raise InputError(f"task.descriptions: none for {', '.join(missing[:5])}; describe each")
    return [texts[label] for label in labels]


def _read(path: Path) -> dict[str, str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix in (".yaml", ".yml"):
            texts = strict_yaml.parse(content, str(path))
        else:
            texts = dict(line.split("\t") for line in lines.split(content) if line.strip())
    except ConfigError as error:
        raise InputError(f"task.descriptions: {error}") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"task.descriptions: cannot read {path}: {reason}") from None
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError(f"task.descriptions: {path}: expected a text for each label")
    return {str(label): text for label, text in texts.items()}
