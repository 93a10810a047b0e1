"""What every compressor's config says about the fit that mends what it took away."""

from __future__ import annotations

from pydantic import Field

from tfapps.config.sections import Section


class FineTune(Section):
    """Base of a compressor's Config.

    Attributes:
        epochs: of fine-tuning after (and, for a schedule, during) the compression; 0 for none.
        learning_rate: peak of its schedule; half of the training's if left out.
        distill: share of the loss that is taken from the answers of the uncompressed model.
        distill_layers: names of layers, or patterns (`block_*_output_norm`), whose outputs are to
            stay near those of the uncompressed model; it runs beside, which costs a third more
            time and pays where much is taken away.
    """

    epochs: int = Field(2, ge=0, le=1_000_000)
    learning_rate: float | None = Field(None, gt=0)
    distill: float = Field(0.5, ge=0, le=1)
    distill_layers: tuple[str, ...] = ()
