"""The example of the README: one transcript of commands that were run, on two pages."""

from tools import blocks, first_hour


def test_the_pages_show_one_transcript():
    matches = [block for text in blocks.texts().values() for block in blocks.BLOCK.finditer(text)]
    readme, tutorial = (block[0] for block in matches if block["tool"] == first_hour.TOOL)
    assert readme == tutorial
    lines = readme.splitlines()
    shown = [line.split()[2] for line in lines if line.startswith("$ tfapps ")]
    assert shown == [words[0] for words in first_hour.COMMANDS]
    assert any("recommended" in line for line in lines)
    assert all(len(line) <= first_hour.LONGEST for line in lines)


def test_the_table_is_as_excel_saves_it_in_europe(tmp_path):
    file = tmp_path / "support.csv"
    assert first_hour.write_csv(file) == 5041
    data = file.read_bytes()
    assert data.startswith(b";received;message;topic\r\n1;01.01.2026;")
    assert b"\x92" in data  # a typographic apostrophe, not valid in UTF-8
