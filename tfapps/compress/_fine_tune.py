"""Settings of the fine-tuning after a compressor, shared by all compressors."""

from __future__ import annotations

from pydantic import Field

from tfapps.config.sections import Section


class FineTune(Section):
    """Base of a compressor's Config.

    Attributes:
        epochs: epochs of fine-tuning after (and, for a schedule, during) compression; 0 for none.
        learning_rate: peak of its schedule; half of the training's by default.
        distill: share of the loss computed against the outputs of the uncompressed model.
        distill_layers: names of layers, or patterns (`block_*_output_norm`), whose outputs should
            stay near those of the uncompressed model. Running both models costs a third more
            time; it helps where much is removed.
    """

    epochs: int = Field(2, ge=0, le=1_000_000)
    learning_rate: float | None = Field(None, gt=0)
    distill: float = Field(0.5, ge=0, le=1)
    distill_layers: tuple[str, ...] = ()
