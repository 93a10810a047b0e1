"""The table that a mark on a page names."""

from __future__ import annotations

from tools.tables import costs, learning, peers, rivals, runs

TOOL = "tools.tables"
SUBJECTS = {"costs": costs, "learning": learning, "peers": peers, "rivals": rivals, "runs": runs}


def block(name: str) -> str:
    """Return the text of the block with a name, such as `runs.configs`.

    Raises:
        KeyError: no subject, or no table of it, has this name.
    """
    subject, _, table = name.partition(".")
    return SUBJECTS[subject].TABLES[table]()
