"""GATHER rewritten as EMBEDDING_LOOKUP: the same rows from the same table, or left alone."""

from __future__ import annotations

import numpy as np
import pytest
from gather_files import gather

from tfapps.backends.litert import interpreter, operators
from tfapps.export.parts import embedding

TABLE = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)


def run(content, ids, path):
    path.write_bytes(content)
    session = interpreter(path)
    session.set_tensor(session.get_input_details()[0]["index"], ids)
    session.invoke()
    return session.get_tensor(session.get_output_details()[0]["index"])


@pytest.mark.parametrize(
    ("shape", "ops"),
    [
        ((7,), ["EMBEDDING_LOOKUP"]),
        ((1, 7), ["RESHAPE", "EMBEDDING_LOOKUP", "RESHAPE"]),
        ((2, 3, 4), ["RESHAPE", "EMBEDDING_LOOKUP", "RESHAPE"]),
        ((), ["RESHAPE", "EMBEDDING_LOOKUP", "RESHAPE"]),
    ],
)
def test_ids_of_any_rank_read_the_same_rows(shape, ops, tmp_path):
    ids = np.random.default_rng(1).integers(0, 50, shape).astype(np.int32)
    rewritten = embedding.look_up(gather(TABLE, shape))
    rows = run(rewritten, ids, tmp_path / "rows.tflite")
    np.testing.assert_array_equal(rows, TABLE[ids])
    assert operators(tmp_path / "rows.tflite") == ops
    assert embedding.widths(rewritten) == {40}


def test_what_reads_no_rows_of_a_large_table_is_left_alone():
    small = np.ones((2, embedding.SMALL // 2 - 1), np.float32)
    for content in (
        gather(small, (1, 7)),
        gather(TABLE, (1, 7), axis=1),
        gather(TABLE, (1, 7), constant=False),
        gather(TABLE, (1, 7), signature=[1, -1]),
        gather(TABLE.reshape(10, 5, 40), (1, 7)),
    ):
        assert embedding.look_up(content) == content
        assert embedding.widths(content) == set()


def test_rewriting_twice_is_rewriting_once():
    once = embedding.look_up(gather(TABLE, (1, 7)))
    assert embedding.look_up(once) == once


def test_an_id_outside_the_table_is_an_error_and_no_stray_row(tmp_path):
    rewritten = embedding.look_up(gather(TABLE, (3,)))
    with pytest.raises(RuntimeError, match="(?i)out of bounds|index"):
        run(rewritten, np.array([0, 50, 1], np.int32), tmp_path / "rows.tflite")


def test_integer_tables_give_rows_on_a_grid_of_their_own_each(tmp_path):
    table = TABLE * np.linspace(0, 9, 50, dtype=np.float32)[:, None]
    rewritten = embedding.integer_tables(gather(table, (1, 7)))
    ids = np.array([[0, 1, 2, 20, 30, 49, 49]], np.int32)
    rows = run(rewritten, ids, tmp_path / "rows.tflite")
    step = np.abs(table).max(axis=1, keepdims=True) / np.float32(127)
    grid = np.round(table / np.where(step, step, 1)) * step
    np.testing.assert_allclose(rows, grid[ids], rtol=1e-6)
    assert operators(tmp_path / "rows.tflite").count("EMBEDDING_LOOKUP") == 2
    # What training has rounded comes out as it was.
    again = run(embedding.integer_tables(gather(grid, (1, 7))), ids, tmp_path / "again.tflite")
    np.testing.assert_allclose(again, rows, rtol=1e-6)


def test_integer_tables_are_a_quarter_and_a_scale_a_row():
    table = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    spared = len(embedding.look_up(gather(table, (1, 7))))
    spared -= len(embedding.integer_tables(gather(table, (1, 7))))
    assert abs(spared - 500 * (3 * 64 - 4)) < 1000
