"""Tables of measured figures, made of `benchmarks/results/`: `python -m tools.tables`.

A page holds each table between two marks, which name a function of a module of this folder:

    <!-- python -m tools.tables: runs.configs -->
    <!-- end -->

`python -m tools.tables` writes the tables and the pictures of all pages; a test compares the pages
with the generated tables.
"""
