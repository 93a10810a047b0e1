"""Answers to a table: `predict --csv`."""

import csv
import io

import pytest
from running import tfapps

from tfapps.cli import _table
from tfapps.errors import InputError


class Predictor:
    """Answers with the length of a text, or of both of a pair."""

    truncated = 0

    def __init__(self, paired=False):
        self.paired, self.asked = paired, 0

    def __call__(self, texts):
        self.asked += 1
        return [{"label": str(len("".join(text))), "top": [["\u00e9", 0.5]]} for text in texts]


def answered(capsys, file, *columns, paired=False):
    """The table that is printed, as it is and as rows of fields."""
    predictor = Predictor(paired)
    _table.answer(predictor, [str(file)], columns, None)
    return capsys.readouterr().out, predictor


def test_a_european_table_keeps_its_form_and_all_its_columns(tmp_path, capsys):
    file = tmp_path / "support.csv"
    text = ';Betreff;label\r\n1;"Wo ist; mein Paket?";x\r\n2;K\u00fcndigung;\r\n'
    file.write_bytes(text.encode("cp1252"))
    printed, _ = answered(capsys, file, "Betreff")
    assert list(csv.reader(io.StringIO(printed), delimiter=";")) == [
        ["", "Betreff", "label", "predicted_label", "top"],
        ["1", "Wo ist; mein Paket?", "x", "19", '[["\u00e9", 0.5]]'],
        ["2", "K\u00fcndigung", "", "9", '[["\u00e9", 0.5]]'],
    ]


def test_many_rows_are_answered_in_batches(tmp_path, capsys):
    file = tmp_path / "many.tsv"
    file.write_text("id\ttext\n" + "".join(f"{i}\t{'a' * (i % 7)}\n" for i in range(600)))
    printed, predictor = answered(capsys, file, "text")
    assert predictor.asked == 3
    rows = [line.split("\t")[:3] for line in printed.splitlines()]
    assert rows[0] == ["id", "text", "label"]
    assert rows[1:] == [[str(i), "a" * (i % 7), str(i % 7)] for i in range(600)]


def test_pairs_have_two_columns(tmp_path, capsys):
    file = tmp_path / "pairs.csv"
    file.write_text("a,b\nxx,yyy\n")
    printed, _ = answered(capsys, file, "a", "b", paired=True)
    assert printed.splitlines()[1].startswith("xx,yyy,5,")
    with pytest.raises(InputError, match="reads pairs of texts; give --csv twice"):
        answered(capsys, file, "a", paired=True)
    with pytest.raises(InputError, match="got 2 column.s., but this run reads single texts"):
        answered(capsys, file, "a", "b")


def test_a_table_without_rows_stays_one(tmp_path, capsys):
    file = tmp_path / "empty.csv"
    file.write_text("id,text\n")
    assert answered(capsys, file, "text")[0] == "id,text\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b\n1,2\n", "standard input: no column 'text'; available: a, b"),
        ("a,text\n1\n", "standard input:2: 1 field, expected 2 (a, text)"),
        ("", "standard input: the file is empty"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(content, text, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    with pytest.raises(InputError) as caught:
        _table.answer(Predictor(), ["-"], ["text"], None)
    assert str(caught.value).startswith(text)


def test_the_command_answers_a_table(workplace):
    table = "id,text\n1,I want the apple\n2,I want the saw\n"
    printed = tfapps("predict", "tiny", "--csv", "text", "-", cwd=workplace, stdin=table)
    assert printed.returncode == 0, printed.stderr
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert [row["id"] for row in rows] == ["1", "2"]
    assert {"label", "score"} <= set(rows[0])
    (workplace / "in.csv").write_text(table)
    options = ("--csv", "text", "in.csv", "--output", "out.csv")
    done = tfapps("predict", "tiny", *options, cwd=workplace)
    assert done.stdout == "out.csv: 2 rows\n"
    assert (workplace / "out.csv").read_text() == printed.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["a text", "--output", "x"], "--output with that or with --csv; leave it out"),
        (["a text", "--input", "x"], "--input goes with --runner beam"),
        (["--csv", "text", "in.csv", "--json"], "--csv cannot be combined with --also"),
        (["--csv", "text", "nothing.csv"], "no file nothing.csv"),
        (["--csv", "text", "a.csv", "b.csv"], "--csv: got 2 files, expected one"),
        (["--csv", "text", "train.tsv", "--output", "no/x"], "cannot write no/x: No such file"),
    ],
)
def test_wrong_options_are_refused(options, text, workplace):
    done = tfapps("predict", "tiny", *options, cwd=workplace)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
