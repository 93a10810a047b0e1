"""Write the tables of all pages and the picture of the README."""

from __future__ import annotations

from tools import blocks
from tools.tables import picture
from tools.tables.pages import TOOL, block

blocks.write(TOOL, block)
if not picture.current():
    picture.write()
