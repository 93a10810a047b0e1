"""How much of their time many GPUs would compute: a model of the step, from what it is told.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --step-seconds 0.021   # of your GPU, measured: TensorBoard has it

Every replica computes `accumulate` micro-batches, then the gradients are summed over all replicas
in a ring, and nothing overlaps: real runs do a little better than that. Prints a table;
`python -m tools.tables` writes it into the documentation.
"""

from __future__ import annotations

import argparse

BYTES = 4  # of a gradient: sums are float32 in mixed precision too


TITLES = ("GPUs:", "micro-batches:", "compute (ms):", "sums (ms):", "efficiency:")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", type=float, default=109e6, help="BERT base: 109e6")
    parser.add_argument("--tokens", type=int, default=32 * 128, help="of a replica's micro-batch")
    parser.add_argument("--accumulate", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--gpus", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--machine", type=int, default=8, help="GPUs of one machine")
    parser.add_argument("--step-seconds", type=float, help="of a micro-batch, if measured")
    parser.add_argument("--flops", type=float, default=312e12 * 0.4, help="that a GPU reaches")
    parser.add_argument("--inside", type=float, default=200e9, help="bytes/s between its GPUs")
    parser.add_argument(
        "--between", type=float, default=20e9, help="bytes/s of a machine's network"
    )
    parser.add_argument("--latency", type=float, default=5e-6, help="seconds of one message")
    return parser.parse_args(words)


def compute_seconds(parameters: float, tokens: int, flops: float) -> float:
    """Count forward and backward: 2 and 4 operations a parameter and token (Kaplan et al. 2020)."""
    return 6 * parameters * tokens / flops


def reduce_seconds(parameters: float, gpus: int, bandwidth: float, latency: float) -> float:
    """Time a ring: it sends each byte on 2 (n - 1) times in n parts (Patarasuk and Yuan 2009)."""
    hops = 2 * (gpus - 1)
    return hops / gpus * BYTES * parameters / bandwidth + hops * latency


def rows(options: argparse.Namespace) -> list[tuple[str, ...]]:
    """Return the cells of the table, a row for each number of GPUs and of micro-batches."""
    one = options.step_seconds or compute_seconds(options.parameters, options.tokens, options.flops)
    cells = []
    for gpus in options.gpus:
        slowest = options.inside if gpus <= options.machine else options.between
        sums = reduce_seconds(options.parameters, gpus, slowest, options.latency)
        for count in options.accumulate:
            busy = count * one
            share = busy / (busy + sums)
            figures = f"{1e3 * busy:.1f}", f"{1e3 * sums:.1f}", f"{100 * share:.0f} %"
            cells.append((str(gpus), str(count), *figures))
    return cells


def main() -> None:
    for row in ([title.removesuffix(":") for title in TITLES], *rows(arguments())):
        print("".join(f"{cell:>16}" for cell in row))


if __name__ == "__main__":
    main()
