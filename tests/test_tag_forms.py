"""Forms of tags and columns in files: every form gives the same entities."""

import pytest

from tfapps.data.sources import conll
from tfapps.errors import InputError
from tfapps.text import tag_forms

WORDS = ["Ann", "Lee", "Poe", "saw", "Rome", "today"]
IOB2 = ["B-PER", "I-PER", "I-PER", "O", "B-LOC", "O"]
FORMS = {
    "iob2": "B-PER I-PER I-PER O B-LOC O",
    "bioes": "B-PER I-PER E-PER O S-LOC O",
    "bilou": "B-PER I-PER L-PER O U-LOC O",
    "bmewo": "B-PER M-PER E-PER O W-LOC O",
    "bmes": "B-PER M-PER E-PER O S-LOC O",
    "bare": "PER PER PER O LOC O",
    "lower case": "b-PER i-PER i-PER o b-LOC o",
    "lower case bilou, upper O": "b-PER i-PER l-PER O u-LOC O",
    "underscores": "B_PER I_PER I_PER O B_LOC O",
    "suffixed underscores": "PER_B PER_I PER_E O LOC_S O",
    "lower case, suffixed underscores": "PER_b PER_i PER_i o LOC_b o",
    "suffixed iob2": "PER-B PER-I PER-I O LOC-B O",
    "suffixed bilou": "PER-B PER-I PER-L O LOC-U O",
    "suffixed bmes": "PER-B PER-M PER-E O LOC-S O",
}
LETTERS = {
    "bio": "B I I O B O",
    "io": "I I I O I O",
    "lower case": "b i i o b o",
    "bioes": "B I E O S O",
    "bilou": "B I L O U O",
    "bmes": "B M E O S O",
}


def read(folder, content, **config):
    path = folder / "data.conll"
    path.write_text(content, "utf-8")
    return conll.read_file(conll.Config(**config), path)


def columns(tags):
    return "".join(f"{word} {tag}\n" for word, tag in zip(WORDS, tags.split(), strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_one_sentence_in_every_form(tmp_path, form):
    (sentence,) = read(tmp_path, columns(FORMS[form]))
    assert sentence["tags"] == IOB2


@pytest.mark.parametrize("form", LETTERS)
def test_letters_without_a_label(tmp_path, capsys, form):
    (sentence,) = read(tmp_path, columns(LETTERS[form]))
    assert sentence["tags"] == [tag[:2] + "entity" if "-" in tag else tag for tag in IOB2]
    assert "data.conll: tags are letters alone (B, I, O)" in capsys.readouterr().out


def test_the_form_is_logged_unless_it_is_the_usual_one(tmp_path, capsys):
    read(tmp_path, columns(FORMS["bilou"]))
    assert capsys.readouterr().out == ""
    read(tmp_path, columns(FORMS["bare"]))
    assert "data.conll: tags are labels alone (PER), a run of equal" in capsys.readouterr().out
    read(tmp_path, columns(FORMS["lower case, suffixed underscores"]))
    expected = "data.conll: tags are a label and a letter (PER-B), in lower case, with _ between\n"
    assert capsys.readouterr().out.endswith(expected)
    read(tmp_path, columns(FORMS["suffixed iob2"]))
    assert "data.conll: tags are a label and a letter (PER-B)" in capsys.readouterr().out


def test_bare_types_that_look_like_tags(tmp_path):
    (sentence,) = read(tmp_path, "a E-mail\nb S-Bahn\nc S-Bahn\n", scheme="bare")
    assert sentence["tags"] == ["B-E-mail", "B-S-Bahn", "I-S-Bahn"]


def test_other_spellings_count_only_where_all_tags_are_so(tmp_path):
    for tag in ("b-x", "B_x", "x_B"):
        (sentence,) = read(tmp_path, f"a {tag}\nb LOC\n")
        assert sentence["tags"] == [f"B-{tag}", "B-LOC"]
    (sentence,) = read(tmp_path, "a B-x_B\nb I-x_B\n")
    assert sentence["tags"] == ["B-x_B", "I-x_B"]
    with pytest.raises(InputError, match=r":2: tag 'b-x', expected O, or B-"):
        read(tmp_path, "a B-x\nb b-x\n")


def test_a_label_with_a_hyphen(tmp_path):
    (sentence,) = read(tmp_path, "a B-geo-loc\nb I-geo-loc\n")
    assert sentence["tags"] == ["B-geo-loc", "I-geo-loc"]
    (sentence,) = read(tmp_path, "a geo-loc-B\nb geo-loc-I\n")
    assert sentence["tags"] == ["B-geo-loc", "I-geo-loc"]


REFUSED = [
    ("a B-X\nb PER\n", {}, r":2: tag 'PER', expected O, or B-, .*set data.scheme: bare"),
    (
        "a PER-B\nb PER\n",
        {},
        r":2: tag 'PER', expected O, or a label and a letter .*set data.scheme: bare",
    ),
    ("a B\nb PER\nc I\n", {"scheme": "iob2"}, r":1: tag 'B', expected O, or B-"),
    ("a B-X\nb O\nc U-X\n", {}, r":2: tag 'O' after a X .*letters as in BIOES: L means E"),
    (
        "".join(f"w{i} t{i}\n" for i in range(tag_forms.MOST_TYPES + 1)),
        {},
        r"data.conll: 201 different tags without B- or I-; .*is this the column of the tags\?",
    ),
    ("a PER\n", {"scheme": "iob1"}, r":1: tag 'PER', expected O, or B-"),
]


@pytest.mark.parametrize(("content", "config", "message"), REFUSED)
def test_tags_that_are_refused(tmp_path, content, config, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, **config)


# Lines that are no words


@pytest.mark.parametrize(
    "line",
    ["-DOCSTART- O", "-DOCSTART-", "-DOCSTART- (1 EU)", "-DOCSTART-7 O", "0 -DOCSTART- -X- O"],
)
def test_starts_of_documents(tmp_path, line):
    index = "0 " if line.startswith("0") else ""
    content = f"{line}\n\n{index}a O\n\n{index}b O\n{line}\n{index}c B-X\n"
    examples = read(tmp_path, content, token=1 if index else 0)
    assert [(s["tokens"], s["document"]) for s in examples] == [(["a"], 1), (["b"], 1), (["c"], 2)]


def test_comments_of_documents(tmp_path):
    content = "#begin document (a); part 000\na O\n\n#end document\n" * 2
    assert [s["tokens"] for s in read(tmp_path, content)] == [["a"], ["a"]]


def test_comments(tmp_path):
    content = (
        "# a corpus of two\n# id 5 domain=en\n# text = Ann ran\nAnn _ _ B-PER\nran _ _ O\n\n"
        "# id 6\n# _ _ O\n5 _ _ O\n\n#tag _ _ O\n"
    )
    examples = read(tmp_path, content)
    assert [s["tokens"] for s in examples] == [["Ann", "ran"], ["#", "5"], ["#tag"]]


def test_a_number_sign_is_a_word_where_it_has_its_columns(tmp_path):
    assert [s["tokens"] for s in read(tmp_path, "# O\n1 O\n")] == [["#", "1"]]
    with pytest.raises(InputError, match=r":2: 1 columns, expected 2 as in line 1"):
        read(tmp_path, "a O\n#\n")


def universal(*words):
    lines = [
        "\t".join([number, word, "_", upos, *"_" * 5, misc]) for number, word, upos, misc in words
    ]
    return "# sent_id = 1\n# text = whatever\n" + "\n".join(lines) + "\n\n"


UNIVERSAL = "# newdoc id = a\n" + universal(
    ("1-2", "del", "_", "_"),
    ("1", "de", "ADP", "SpaceAfter=No"),
    ("2", "el", "DET", "_"),
    ("2.1", "left out", "NOUN", "_"),
    ("3", "20 000", "NUM", "NER=B-SUM|SpaceAfter=No"),
    ("4", "#", "SYM", "ner=I-SUM"),
)


def test_conllu(tmp_path):
    (sentence,) = read(tmp_path, UNIVERSAL)
    assert sentence == {
        "tokens": ["de", "el", "20 000", "#"],
        "tags": ["O", "O", "B-SUM", "I-SUM"],
        "document": 1,
    }
    plain = UNIVERSAL.replace("NER=B-SUM|SpaceAfter=No", "B-SUM").replace("ner=I-SUM", "I-SUM")
    assert read(tmp_path, plain) == [sentence]
    (sentence,) = read(tmp_path, UNIVERSAL, tag=3)
    assert sentence["tags"] == ["B-ADP", "B-DET", "B-NUM", "B-SYM"]


def test_conllu_without_entities(tmp_path):
    with pytest.raises(InputError, match=r"CoNLL-U file without NER= .* set data.tag to the col"):
        read(tmp_path, universal(("1", "a", "ADP", "_")))
    with pytest.raises(InputError, match=r":4: 3 columns, expected 10 as in line 3"):
        read(tmp_path, universal(("1", "a", "ADP", "_")).rstrip() + "\n2\tb\tX\n", tag=3)
