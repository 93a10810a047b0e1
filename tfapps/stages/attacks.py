"""The attacks that `tfapps attack` knows; light to import, for its `--help`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tfapps import registry
from tfapps.errors import InputError

EPSILONS = (0.01, 0.03, 0.1)
RATES = (0.05, 0.1, 0.2)
ROWS = 200


@dataclass(frozen=True)
class Attack:
    """One attack: it moves the embeddings of texts, or changes the texts themselves.

    Attributes:
        meaning: for `--help`.
        norm: of the ball that an adversary's change stays in; None if the texts are changed.
        steps: of the adversary; more than one are short and stay in the ball.
        of_words: whether it may be used where each word has a tag.
    """

    name: str
    meaning: str
    norm: Literal["l2", "max"] | None = None
    steps: int = 1
    of_words: bool = True


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("fgm_l2", "one gradient step on the embeddings, limited in length", "l2"),
        Attack("fgsm_max", "one gradient step, limited in each number", "max"),
        Attack("pgd_l2", "ten smaller steps in the limits of fgm_l2", "l2", steps=10),
        Attack("pgd_max", "ten smaller steps in the limits of fgsm_max", "max", steps=10),
        Attack("mistyped_letters", "letters swapped, lost or changed"),
        Attack("missing_words", "words left out", of_words=False),
    )
}
DEFAULT = ("fgm_l2", "mistyped_letters", "missing_words")
ALL = "all"


def chosen(names: Sequence[str] | None, tagged: bool) -> list[Attack]:
    """Return the attacks of these names.

    Args:
        names: None for the quick ones; `all` for every one.
        tagged: whether the rows are words with tags, which some attacks cannot change.

    Raises:
        InputError: an unknown name, or one that does not go with tagged words.
    """
    for name in names or ():
        if name != ALL and name not in ATTACKS:
            raise InputError(f"--attacks: {registry.unknown('attack', name, [*ATTACKS, ALL])}")
        if tagged and name != ALL and not ATTACKS[name].of_words:
            raise InputError(
                f"--attacks: {name} would leave out words that have a tag; expected other attacks"
            )
    wanted = DEFAULT if names is None else tuple(ATTACKS) if ALL in names else names
    return [
        attack
        for attack in ATTACKS.values()
        if attack.name in wanted and (attack.of_words or not tagged)
    ]
