"""Files as people have them: packed, encoded, separated and wrapped in other ways."""

import gzip
import json
import re
import zipfile

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from tfapps.config.load import ConfigError, from_dict
from tfapps.data import files
from tfapps.data.sources import (
    conll,
    corpus,
    csv,
    jsonl,
    parallel,
    parquet,
    sample,
    tagged,
    tsv,
)
from tfapps.errors import InputError

ROWS = [{"text": "good film", "label": "1"}, {"text": "bad, film", "label": "0"}]
TSV = "text\tlabel\ngood film\t1\nbad, film\t0\n"


def read(folder, source, content, name="data.x", labelled=True, **config):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return source.Source.read_file(source.Config(train="t", dev="d", **config), path, labelled)


def config_of(**data):
    data = {"source": "csv", "train": "a", "dev": "b", **data}
    raw = {"task": {"name": "classification"}, "model": {"name": "bert", "size": "tiny"}}
    return from_dict({**raw, "data": data}, "x").data


# Packed


@pytest.mark.parametrize("name", ["data.tsv", "data.gz", "data.zst"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_compression_is_recognised_by_content_not_by_name(tmp_path, name, pack):
    assert read(tmp_path, tsv, pack(TSV.encode()), name) == ROWS


def test_packed_in_parts(tmp_path):
    for pack in (gzip.compress, zstandard.compress):
        parts = b"".join(pack(part.encode()) for part in (TSV[:9], TSV[9:]))
        assert read(tmp_path, tsv, parts) == ROWS


def test_every_reader_of_lines_unpacks(tmp_path):
    packed = zstandard.compress
    assert read(tmp_path, conll, packed(b"a B-X\n"))[0]["tags"] == ["B-X"]
    assert list(read(tmp_path, corpus, packed(b"One.\nTwo.\n"))) == [["One.", "Two."]]
    (tmp_path / "t.de.zst").write_bytes(packed(b"ja\n"))
    (tmp_path / "t.en.gz").write_bytes(gzip.compress(b"yes\n"))
    pairs = parallel.Config(languages=["de", "en"], train=str(tmp_path / "t"), dev=0.5)
    assert parallel.read(pairs, "train") == [{"text": "ja", "target": "yes"}]


@pytest.mark.parametrize("cut", [5, 12, -3])
def test_damaged_zstd(tmp_path, cut):
    content = zstandard.compress(TSV.encode() * 50)
    with pytest.raises(InputError, match=r"data\.x: damaged zstd file \(.*\); copy it again"):
        read(tmp_path, tsv, content[:cut])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(files, "ALWAYS_ALLOWED", 1 << 20)
    seen = []
    pieces = files._unpacked(tmp_path / "bomb")
    (tmp_path / "bomb").write_bytes(pack(b"text\tlabel\n" + b"\n" * (8 << 20)))
    message = r"bomb: unpacks to more than \d+ MB, expected at most 100 times its packed size"
    with pytest.raises(InputError, match=message):
        seen.extend(len(piece) for piece in pieces)
    limit = max(1 << 20, 100 * (tmp_path / "bomb").stat().st_size)
    assert sum(seen) <= limit
    (tmp_path / "small").write_bytes(pack(b"\n" * 900_000 + TSV.encode()))
    assert tsv.Source.read_file(tsv.Config(train="t", dev="d"), tmp_path / "small") == ROWS


# Encoded


@pytest.mark.parametrize("codec", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_decides(tmp_path, codec):
    content = "text,label\nüb\u2028ung \U0001f600,ja\n".encode(codec)
    expected = [{"text": "üb\u2028ung \U0001f600", "label": "ja"}]
    assert read(tmp_path, csv, content) == expected
    assert read(tmp_path, csv, content, encoding="cp1252") == expected


@pytest.mark.parametrize("codec", ["cp1252", "utf-16-le", "gb18030", "koi8-r"])
def test_a_named_encoding(tmp_path, codec):
    text = {"gb18030": "今天 天气", "koi8-r": "хорошо"}.get(codec, "Käse “groß”")
    content = f"text,label\n{text},a\n".encode(codec)
    assert read(tmp_path, csv, content, encoding=codec)[0]["text"] == text
    assert read(tmp_path, conll, f"{text} O\n".encode(codec), encoding=codec)
    assert list(read(tmp_path, corpus, text.encode(codec), encoding=codec)) == [[text]]


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Der Käse ist groß"),
        ("cp1252", "je veux la pêche"),
        ("cp1252", "señor, ¿qué dice él"),
        ("gb18030", "今天天气很好,酒店的服务太差了"),
        ("cp932", "りんごが欲しい"),
        ("cp1251", "Хороший фильм"),
    ],
)
def test_the_likely_encoding_is_named(tmp_path, codec, text):
    content = f"text,label\nplain,a\n{text},b\n".encode(codec)
    with pytest.raises(InputError, match=r"data\.x:3: byte 0x.. is not UTF-8; save the") as error:
        read(tmp_path, csv, content)
    assert f"or set data.encoding: {codec} if this line should read '{text},b'" in str(error.value)


def test_every_line_that_is_not_utf_8_is_evidence(tmp_path):
    lines = ["我要苹果,水果", "我要锤子,工具"] * 2  # the first alone reads as Korean as well
    content = "\n".join(["text,label", *lines]).encode("gb18030")
    with pytest.raises(InputError, match=f"set data.encoding: gb18030 .* '{lines[0]}'"):
        read(tmp_path, csv, content)


@pytest.mark.parametrize("text", ["a,b", "Käse,b", "plain,a\nje veux la pêche,b"])
def test_utf_16_without_a_mark_is_named(tmp_path, text):
    for codec in ("utf-16-le", "utf-16-be"):
        message = rf"data\.x:1: NUL byte, expected text; set data.encoding: {codec}"
        with pytest.raises(InputError, match=message):
            read(tmp_path, csv, f"text,label\n{text}\n".encode(codec))


def test_nul_bytes_of_no_text_name_no_encoding(tmp_path):
    for content in (bytes(600), b"]\0\0\x80" + bytes(9) + "ÿþ".encode("cp1252") * 9):
        with pytest.raises(InputError, match=r"data\.x:1: NUL byte, .*; is it a text file in UTF"):
            read(tmp_path, csv, content)


def test_a_file_of_no_encoding_of_its_own_has_no_setting_to_change(tmp_path):
    path = tmp_path / "data.csv"
    config = sample.Config(sample="support_intents")
    for content, message in (
        ("text,label\nKäse,b\n".encode("cp1252"), "; it is likely cp1252 if this line should read"),
        ("text,label\nKäse,b\n".encode("utf-16-le"), "expected text; save it as UTF-8, not utf-16"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as error:
            sample.read_file(config, path)
        assert "data.encoding" not in str(error.value)


def test_the_wrong_encoding(tmp_path):
    content = b"text,label\na,b\n" + b"c\x81,d\n"
    with pytest.raises(InputError, match=r"data\.x:3: byte 0x81 is not cp1252; correct data\.enc"):
        read(tmp_path, csv, content, encoding="cp1252")
    for name in ("utf8-x", "rot13", "idna", "unicode_escape", ""):
        with pytest.raises(ConfigError, match=rf"data\.encoding: got '{name}', expected the name"):
            config_of(encoding=name)


def test_a_corpus_in_another_encoding_is_another_corpus(tmp_path):
    content = "Käse".encode("cp1252")
    texts = [read(tmp_path, corpus, content, encoding=codec) for codec in ("cp1252", "cp1251")]
    assert texts[0].digest != texts[1].digest


# No text at all


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "a spreadsheet of Excel, .* as CSV"),
        (
            ["mimetype", "content.xml"],
            "a document of LibreOffice, such as .ods, .* as CSV",
        ),
        (["train.csv"], "a zip archive, expected text; unpack it"),
    ],
)
def test_spreadsheets(tmp_path, names, kind):
    content = zipped(tmp_path / "a.zip", *names)
    with pytest.raises(InputError, match=f"train.csv: {kind}"):
        read(tmp_path, csv, content, "train.csv")


def test_text_that_starts_as_other_files_do(tmp_path):
    for name in ("PAR1", "ARROW1", "BZh9", "html"):
        content = f"{name},label\na,b\n"
        assert read(tmp_path, csv, content, text=name) == [{"text": "a", "label": "b"}]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an old Office file, such as \.xls, .* as CSV"),
        (b"PAR1\x15", "a Parquet file, expected text; set data.source: parquet"),
        (b"BZh91AY&SY", "a bzip2 file, expected text; unpack it"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\0", "a tar archive, expected text; unpack it, and"),
        (b"%PDF-1.7", "a PDF file, expected text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS.*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "an HTML page, expected data; download the raw file"),
    ],
)
def test_other_files(tmp_path, head, message):
    for source in (csv, tsv, jsonl, conll):
        with pytest.raises(InputError, match=message):
            read(tmp_path, source, head + b"\0\1" * 20)


# Tables


@pytest.mark.parametrize("cut", [",", ";", "\t", "|"])
@pytest.mark.parametrize("source", [csv, tsv])
def test_the_delimiter_is_found(tmp_path, capsys, source, cut):
    content = f'text{cut}"label"\ngood film{cut}1\n"bad, film"{cut}0\n'
    assert read(tmp_path, source, content) == ROWS
    name = {",": "commas", ";": "semicolons", "\t": "tabs", "|": r"bars (|)"}[cut]
    usual = cut == ("," if source is csv else "\t")
    assert (f"data.x: columns are separated by {name}" in capsys.readouterr().out) != usual


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;", "SEP=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_first_line_may_name_the_delimiter(tmp_path, first, end):
    lines = ["text;label", "good, film;1", "bad, film;0"]
    rows = [{"text": "good, film", "label": "1"}, {"text": "bad, film", "label": "0"}]
    assert read(tmp_path, csv, end.join([first, *lines])) == rows
    assert read(tmp_path, tsv, end.join([first, *lines])) == rows
    with pytest.raises(InputError, match=r"data\.x:4: 3 fields, expected 2"):
        read(tmp_path, csv, end.join([first, *lines[:2], "a;b;c"]))
    with pytest.raises(InputError, match="no column 'text'; available: text;label"):
        read(tmp_path, csv, end.join([first, *lines]), delimiter=",")


def test_a_named_delimiter(tmp_path):
    content = 'text^label\ngood film^1\n"bad, film"^0\n'
    assert read(tmp_path, csv, content, delimiter="^") == ROWS
    assert config_of(delimiter="\\t").delimiter == config_of(delimiter="tab").delimiter == "\t"
    with pytest.raises(ConfigError, match=r"data\.delimiter: got ', ', expected one character"):
        config_of(delimiter=", ")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (0, r"data\.limit: got 0 \(int\), expected int >= 1 or mapping or null"),
        ("x", r"data\.limit: got 'x' \(str\), expected int >= 1 or mapping or null"),
        ({"first": 0}, r"data\.limit\.first: got 0 \(int\), expected int >= 1"),
    ],
)
def test_a_limit_that_is_a_number_or_a_mapping_has_one_problem(limit, message):
    with pytest.raises(ConfigError) as error:
        config_of(limit=limit)
    assert len(error.value.problems) == 1
    assert re.fullmatch(message, error.value.problems[0])


def test_a_column_needs_a_name():
    with pytest.raises(ConfigError, match=r"data\.label: got '', expected the name of a column"):
        config_of(label="")


def test_wrong_names_in_a_table_with_another_delimiter(tmp_path):
    message = "no column 'text'; available: sentence, y; the first line must name the columns, sep"
    with pytest.raises(InputError, match=message + "arated by semicolons"):
        read(tmp_path, csv, "sentence;y\na, b;1\n")


def test_an_index_without_a_name_is_ignored(tmp_path):
    assert read(tmp_path, csv, ',text,label\n0,good film,1\n1,"bad, film",0\n') == ROWS
    assert read(tmp_path, csv, 'text;label;;\ngood film;1;;\n"bad, film";0;;\n') == ROWS
    doubled = 'text,label,x,x\ngood film,1,,\n"bad, film",0,,\n'
    assert read(tmp_path, csv, doubled) == ROWS


@pytest.mark.parametrize("blank", ["", " ", "   "])
def test_blanks_behind_commas(tmp_path, blank):
    content = f'"text",{blank}"label"\n"good film",{blank}"1"\n"bad, film",{blank}"0"\n'
    assert read(tmp_path, csv, content) == ROWS
    content = f'text,{blank}label\ngood film,{blank}1\n"bad, film",{blank}0\n'
    assert read(tmp_path, csv, content) == ROWS


def test_a_blank_stays_where_no_quote_follows(tmp_path):
    assert read(tmp_path, csv, "label,text\n1, a b \n")[0]["text"] == " a b "
    assert read(tmp_path, csv, 'label,text\n1, "Up" again\n')[0]["text"] == ' "Up" again'


def test_a_blank_behind_a_quote_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"data\.x:2: .*must close its quote right before the"):
        read(tmp_path, csv, 'text,label\n"good" ,"1"\n')


def test_the_error_for_too_many_fields_gives_the_cause(tmp_path):
    with pytest.raises(InputError, match=r":2: 3 fields, expected 2 .*; a field that holds ',' mu"):
        read(tmp_path, csv, "text,label\na, b,1\n")


# JSON


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_objects(tmp_path, indent):
    assert read(tmp_path, jsonl, json.dumps(ROWS, indent=indent)) == ROWS
    words = [{"tokens": ["a"], "tags": ["O"]}]
    content = json.dumps(words, indent=indent)
    assert read(tmp_path, tagged, content, "data.json") == words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[\n{"text": "a", "label": 1},\n{"text": 5, "label": 1}]',
            r":3: text is 5, expected text",
        ),
        ('[\n{"text": "a", "label": 1},\n{"text": }]', r":3: not JSON \(Expecting value\)"),
        ('[\n{"text": "a", "label": 1}\n{"text": "b"}]', r":3: not JSON \(expected ',' or '\]'"),
        ('[{"text": "a", "label": 1},\n 7]', r":2: 7, expected a JSON object"),
        ('[{"text": "a", "label": 1}]\nmore', r":2: more text behind the end of the JSON list"),
        ('[{"text": "a", "label": 1},\n', r":2: not JSON"),
        ("[]", r"data.x: an empty list, no rows"),
    ],
)
def test_broken_lists(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, jsonl, content)


HALF = r"\ud83d"


@pytest.mark.parametrize(
    ("source", "row", "message"),
    [
        (jsonl, f'{{"text": "a{HALF}", "label": "x"}}', r":1: text: character 2 is half of a"),
        (jsonl, f'{{"text": "a", "label": "x{HALF}"}}', r":1: label: character 2 is half of a"),
        (jsonl, f'{{"text": "a", "label": ["{HALF}"]}}', r":1: label: character 1 is half of a"),
        (
            tagged,
            f'{{"tokens": ["{HALF}"], "tags": ["O"], "label": "x"}}',
            r":1: word: character 1 is half of a",
        ),
        (
            tagged,
            f'{{"tokens": ["a"], "tags": ["B-{HALF}"], "label": "x"}}',
            r":1: tag: character 3 is half",
        ),
        (
            tagged,
            f'{{"tokens": ["a"], "tags": ["O"], "label": "{HALF}"}}',
            r":1: label: character 1 is half of a",
        ),
    ],
)
def test_half_a_character_is_refused_with_its_line(tmp_path, source, row, message):
    more = {"label": "label"} if source is tagged else {}
    with pytest.raises(InputError, match=r"data\.jsonl" + message):
        read(tmp_path, source, row, "data.jsonl", **more)


def test_half_a_character_in_pairs(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"de": "a", "en": "' + HALF + '"}\n')
    config = parallel.Config(languages=["de", "en"], train=str(tmp_path / "t.jsonl"), dev=0.5)
    with pytest.raises(InputError, match=r"t\.jsonl:1: en: character 1 is half of a surrogate"):
        parallel.read(config, "train")


# Parquet


def written(path, columns, **more):
    table = pyarrow.table(columns).replace_schema_metadata(more or None)
    pyarrow.parquet.write_table(table, path)
    return path.read_bytes()


def test_parquet(tmp_path):
    columns = {"id": [1, 2], "text": [row["text"] for row in ROWS], "label": [1.0, 0.0]}
    assert read(tmp_path, parquet, written(tmp_path / "a", columns)) == ROWS
    columns["label"] = [["x", "y"], []]
    rows = read(tmp_path, parquet, written(tmp_path / "a", columns))
    assert [row["label"] for row in rows] == [["x", "y"], []]


def test_class_names_in_parquet(tmp_path):
    classes = {"names": ["O", "B-X"], "_type": "ClassLabel"}
    features = {"tags": {"feature": classes, "_type": "Sequence"}, "label": classes}
    info = json.dumps({"info": {"features": features}})
    content = written(
        *(tmp_path / "a", {"tokens": [["a", "b"]], "tags": [[1, 0]], "label": [1]}),
        huggingface=info,
    )
    assert read(tmp_path, tagged, content, "data.parquet", label="label") == [
        {"tokens": ["a", "b"], "tags": ["B-X", "O"], "label": "B-X"}
    ]


def test_parquet_that_is_refused(tmp_path, monkeypatch):
    full = written(tmp_path / "a", {"text": ["t" * 99] * 5000, "label": [None] * 5000})
    with pytest.raises(InputError, match=r"data\.x row 1: label is null, expected a text"):
        read(tmp_path, parquet, full)
    with pytest.raises(InputError, match=r"data\.x: no column 'txt'; available: text, label; did"):
        read(tmp_path, parquet, full, text="txt")
    with pytest.raises(InputError, match=r"data\.x: cannot be read as Parquet \(.*\); copy it"):
        read(tmp_path, parquet, full[:-20])
    with pytest.raises(InputError, match=r"data\.x: not a Parquet file; set data\.source to csv"):
        read(tmp_path, parquet, TSV)
    monkeypatch.setattr(files, "ALWAYS_ALLOWED", 1 << 10)
    monkeypatch.setattr(files, "MOST_TIMES", 1)
    with pytest.raises(InputError, match=r"data\.x: unpacks to more than"):
        read(tmp_path, parquet, full)
