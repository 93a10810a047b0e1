"""How many rows the matrix products of a LiteRT file compute at once, by processor.

A product of a transformer has a row for each token, and XNNPACK computes whole tiles of rows: in
tiles of 6, a text of 64 tokens costs as much as one of 66. The heights are `mr` in XNNPACK's
src/configs/gemm-config.c of August 2026, of `f32` and of `qd8_f32_qc8w`.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import NamedTuple


class Tiles(NamedTuple):
    """Rows of a tile.

    Attributes:
        processor: which kernels it has.
        float32: of `litert_float32` and `litert_float16`.
        dynamic: of `litert_dynamic`.
    """

    processor: str
    float32: int
    dynamic: int

    def of(self, artifact: str) -> int | None:
        """Return the rows of a tile of a file; None if they are not known."""
        float32 = artifact in ("litert_float32", "litert_float16")
        return self.float32 if float32 else self.dynamic if artifact == "litert_dynamic" else None


# By the first flag of /proc/cpuinfo that a processor has.
X86 = {
    "amx_int8": Tiles("AVX-512 and AMX", 7, 16),
    "avx512f": Tiles("AVX-512", 7, 8),
    "avx2": Tiles("AVX2", 6, 4),
}
ZEN = Tiles("AMD Zen of the first generation", 4, 4)
APPLE = Tiles("Apple", 6, 4)
# By `CPU part` of /proc/cpuinfo; others of 64 bits have 7 rows. Without 8-bit dot products some
# have tiles of 2 in `litert_dynamic`, which 4 fit.
ARM = {
    **dict.fromkeys(("0xd08", "0xd0d", "0xd82"), Tiles("Cortex-A72, A77 or X4", 4, 4)),
    **dict.fromkeys(("0xd03", "0xd04", "0xd05"), Tiles("Cortex-A53, A35 or A55", 6, 4)),
    **dict.fromkeys(("0xd07", "0xd09", "0xd0a"), Tiles("Cortex-A57, A73 or A75", 6, 4)),
    **dict.fromkeys(("0xd0b", "0xd0c"), Tiles("Cortex-A76 or Neoverse N1", 6, 4)),
    **dict.fromkeys(("0xd4e", "0xd4f"), Tiles("Cortex-X3 or Neoverse V2", 8, 4)),
}
ARM64 = Tiles("other ARM of 64 bits", 7, 4)


def here() -> Tiles | None:
    """Return the tiles of this processor; None if they are not known."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    return of(platform.system(), platform.machine(), text)


def of(system: str, machine: str, cpuinfo: str) -> Tiles | None:
    """Return the tiles of a processor; None if they are not known.

    Args:
        system, machine: as `platform` names them.
        cpuinfo: the content of /proc/cpuinfo, empty where there is none.
    """
    if (system, machine) == ("Darwin", "arm64"):
        return APPLE
    if not cpuinfo:
        return None
    pairs = (line.partition(":") for line in cpuinfo.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    if machine == "aarch64":
        return ARM.get(fields.get("CPU part", ""), ARM64)
    if machine != "x86_64":
        return None
    first = fields.get("vendor_id") == "AuthenticAMD" and fields.get("cpu family") == "23"
    if first and int(fields.get("model", 0)) < 0x20:
        return ZEN
    flags = fields.get("flags", "").split()
    return next((tiles for flag, tiles in X86.items() if flag in flags), None)


def rows(tokens: int, tile: int) -> int:
    """Return how many rows are computed for a text of so many tokens."""
    return -(-tokens // tile) * tile
