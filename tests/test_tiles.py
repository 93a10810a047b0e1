"""Rows that are computed for a text, by processor."""

import pytest
from running import tfapps

from tfapps.backends import tiles
from tfapps.stages import inspect


def cpuinfo(**fields):
    """Two cores, as /proc/cpuinfo lists them."""
    core = "".join(f"{key.replace('_', ' ')}\t: {value}\n" for key, value in fields.items())
    return f"{core}\n{core}"


@pytest.mark.parametrize(
    ("system", "machine", "text", "expected"),
    [
        ("Linux", "x86_64", cpuinfo(flags="fma avx2"), (6, 4)),
        ("Linux", "x86_64", cpuinfo(flags="fma avx2 avx512f"), (7, 8)),
        ("Linux", "x86_64", cpuinfo(flags="avx2 avx512f amx_int8"), (7, 16)),
        ("Linux", "x86_64", cpuinfo(flags="sse2"), None),
        ("Linux", "aarch64", cpuinfo(CPU_part="0xd0b"), (6, 4)),
        ("Linux", "aarch64", cpuinfo(CPU_part="0xd4f"), (8, 4)),
        ("Linux", "aarch64", cpuinfo(CPU_part="0xd41"), (7, 4)),
        ("Darwin", "arm64", "", (6, 4)),
        ("Windows", "AMD64", "", None),
        ("Linux", "riscv64", cpuinfo(isa="rv64imafdcv"), None),
    ],
)
def test_tiles_of_a_processor(system, machine, text, expected):
    found = tiles.of(system, machine, text)
    assert (found and found[1:]) == expected


@pytest.mark.parametrize(("model", "height"), [("17", 4), ("49", 6)])
def test_zen_of_the_first_generation_has_kernels_of_its_own(model, height):
    fields = {"vendor_id": "AuthenticAMD", "cpu family": "23", "model": model, "flags": "avx2"}
    text = "".join(f"{key}\t: {value}\n" for key, value in fields.items())
    assert tiles.of("Linux", "x86_64", text).float32 == height


@pytest.mark.parametrize(("tokens", "tile", "expected"), [(64, 6, 66), (64, 7, 70), (60, 6, 60)])
def test_whole_tiles_are_computed(tokens, tile, expected):
    assert tiles.rows(tokens, tile) == expected


BERT = "model={name: bert, size: tiny, layers: 1, max_length: 16}"


def computed(tiny_runs, monkeypatch, tile, *overrides):
    """The lines of `inspect` about rows."""
    monkeypatch.setattr(inspect.tiles, "here", lambda: tile)
    words = ("classification.yaml", "name=looked_at", BERT, *overrides)
    done = tfapps("inspect", *words, cwd=tiny_runs(None))
    assert done.returncode == 0, done.stderr
    _, mark, rest = done.stdout.partition("# rows computed on this processor")
    return (mark + rest).split("\n\n")[0].splitlines()


def test_inspect_shows_what_a_text_costs(tiny_runs, monkeypatch):
    more = ("lengths=[12, 6]", "export=[saved_model, litert_float32, litert_dynamic]")
    lines = computed(tiny_runs, monkeypatch, tiles.Tiles("AVX2", 6, 4), *more)
    assert lines == [
        "# rows computed on this processor (AVX2)",
        "litert_float32  6 tokens are computed as 6 rows, 6 a tile",
        "litert_float32  12 tokens are computed as 12 rows, 6 a tile",
        "litert_float32  16 tokens are computed as 18 rows, 6 a tile; 12 would save 33 %, "
        "0 of 48 texts are longer",
        "litert_dynamic  6 tokens are computed as 8 rows, 4 a tile; 4 would save 50 %, "
        "48 of 48 texts are longer",
        "litert_dynamic  12 tokens are computed as 12 rows, 4 a tile",
        "litert_dynamic  16 tokens are computed as 16 rows, 4 a tile",
    ]


@pytest.mark.parametrize(
    ("tile", "override"),
    [
        (None, "export=[litert_float32]"),
        (tiles.Tiles("AVX2", 6, 4), "export=[litert_int8]"),
        (tiles.Tiles("AVX2", 6, 4), "model={name: bilstm, max_length: 16}"),
    ],
)
def test_inspect_omits_what_is_not_known(tiny_runs, monkeypatch, tile, override):
    assert computed(tiny_runs, monkeypatch, tile, override) == []
