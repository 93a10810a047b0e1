"""The spec of one input of a model: what it is called, its shape, and how its rows are padded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MASK = "padding_mask"


@dataclass(frozen=True)
class Feature:
    """One input, from the encoded rows to the exported file.

    Attributes:
        name: of the input, and of the column that it is read from.
        dtype: as models and exported files take it.
        shape: of one example; a first axis of None is as long as the row.
        length: the most that this axis may be, which exported files pad it to; None is no limit.
        pad: what stands behind the end of a row.
        mask: the feature that has a 1 where this one is no padding. Features of one mask are
            equally long. The mask itself names itself, and is made from their lengths.

    Example:
        >>> (Feature("token_ids", mask="words"), Feature("words", mask="words"))

    Raises:
        ValueError: another axis than the first is open.
    """

    name: str
    dtype: str = "int32"
    shape: tuple[int | None, ...] = (None,)
    length: int | None = None
    pad: int | float = 0
    mask: str | None = None

    def __post_init__(self) -> None:
        if None in self.shape[1:]:
            raise ValueError(
                f"feature {self.name}: got the shape {self.shape}, but only the first axis may be "
                "None"
            )

    @property
    def ragged(self) -> bool:
        """Return whether rows differ in length."""
        return self.shape[:1] == (None,)

    @property
    def marks(self) -> bool:
        """Return whether it is a mask, made from the lengths of other features."""
        return self.mask == self.name


def tokens(*names: str, length: int | None = None) -> tuple[Feature, ...]:
    """Return features with an integer for each token, which share the mask `padding_mask`.

    Args:
        names: `padding_mask` may be among them.
        length: the most tokens.
    """
    return tuple(Feature(name, length=length, mask=MASK) for name in names)


def select(features: Iterable[Feature], names: Iterable[str]) -> tuple[Feature, ...]:
    """Return the features of these names, in the order of the names."""
    by_name = {feature.name: feature for feature in features}
    return tuple(by_name[name] for name in names)
