"""Bad input: one clear line, exit code 2, no traceback, nothing lost."""

import shutil

import pytest
from running import TINY, process, tfapps, write_rows


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    write_rows(tmp_path / "train.tsv", 16)
    write_rows(tmp_path / "dev.tsv", 8, start=16)
    return tmp_path


def refused(place, *overrides):
    """Run `train`, expect exit code 2 and lines that start with `error:`; return them."""
    done = tfapps("train", "tiny.yaml", *overrides, cwd=place)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines), done.stderr
    assert not list(place.glob("saved_models/*"))
    return lines


def test_all_config_errors_at_once(place):
    lines = refused(
        place, "train.epoch=3", "train.batch_size=many", "model.name=brt", "export=[litert_int9]"
    )
    text = "\n".join(lines)
    assert len(lines) == 4
    assert "did you mean 'epochs'" in text
    assert "train.batch_size" in text
    assert "'many'" in text
    assert "did you mean 'bert'" in text
    assert "litert_int8" in text


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["data.train=nothere.tsv"], "nothere.tsv"),
        (["data.text=sentence"], "sentence"),
        (["data.dev=one_class.tsv", "data.train=one_class.tsv"], "expected at least 2"),
        (["data.train=empty.tsv"], "empty"),
        (["data.train=short.tsv"], "short.tsv:3"),
        (["data.train=latin.tsv"], "latin.tsv"),
        (["data.train=nul.tsv"], "nul.tsv:2"),
        (["data.dev=unseen.tsv"], "label 'toll' was never seen in training"),
        (["model.size=null", "model.preset=minilm_l7"], "minilm_l6"),
    ],
)
def test_bad_input_is_one_clear_line(place, overrides, expected):
    (place / "one_class.tsv").write_text("text\tlabel\na\tx\nb\tx\n")
    (place / "empty.tsv").write_text("")
    (place / "short.tsv").write_text("text\tlabel\na\tx\nonly text\n")
    (place / "latin.tsv").write_bytes("text\tlabel\ncaf\xe9\tx\n".encode("latin-1"))
    (place / "nul.tsv").write_bytes(b"text\tlabel\na\0b\tx\n")
    (place / "unseen.tsv").write_text("text\tlabel\na hammer\ttoll\n")
    lines = refused(place, *overrides)
    assert len(lines) == 1
    assert expected in lines[0]


def test_bad_input_ends_with_code_2_and_no_traceback(place):
    done = process("train", "tiny.yaml", "data.train=nothere.tsv", cwd=place)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "nothere.tsv" in done.stderr


def test_output_folder_that_cannot_be_written(place):
    (place / "saved_models").write_text("a file where the folder should be")
    done = tfapps("train", "tiny.yaml", "train.epochs=1", cwd=place)
    assert done.returncode == 2
    assert "saved_models" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "artifact"),
    [
        ("weights.safetensors", "keras"),
        ("litert/float32.tflite", "litert_float32"),
        ("text/tokenizer.json", "litert_float32"),
    ],
)
def test_a_changed_byte_in_a_file_that_is_read_is_found(workplace, tmp_path, name, artifact):
    copy = tmp_path / "changed"
    shutil.copytree(workplace / "saved_models" / "tiny", copy)
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    done = tfapps("predict", copy, "a pear", "--artifact", artifact, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{name}: changed or truncated" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", ["export", "verify"])
def test_a_bundle_of_another_config_is_not_exported_as_this_one(workplace, verb):
    before = (workplace / "saved_models" / "tiny" / "manifest.json").read_bytes()
    done = tfapps(verb, "tiny.yaml", "train.learning_rate=0.5", cwd=workplace)
    assert done.returncode == 2
    assert "was trained with another config or other data; run `tfapps train`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (workplace / "saved_models" / "tiny" / "manifest.json").read_bytes() == before
