"""The program that writes the sample data."""

import pytest

from tools.samples import build


@pytest.mark.slow
@pytest.mark.parametrize("name", build.GENERATORS)
def test_the_data_files_are_what_the_generator_writes(name, tmp_path):
    assert build.main([name, "--out", str(tmp_path)]) == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    ending = build.GENERATORS[name].ENDING
    splits = [build.SAMPLES / name / f"{split}{ending}" for split in ("train", "dev", "test")]
    assert written == {path.name: path.read_bytes() for path in splits if path.exists()}


@pytest.fixture
def tiny(monkeypatch):
    class Tiny:
        ENDING, ROWS = ".txt", "rows"

        def generate(self, folder):
            return {"train": [folder.parent.name, "two"], "dev": ["three"]}

        def render(self, rows):
            return "\n".join(rows)

    monkeypatch.setattr(build, "GENERATORS", {"first": Tiny(), "second": Tiny()})


@pytest.mark.parametrize(
    ("names", "written"), [(["second"], {"second"}), ([], {"first", "second"})]
)
def test_the_named_samples_are_written_or_all(tiny, names, written, tmp_path, capsys):
    assert build.main([*names, "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == written
    assert (tmp_path / "second" / "train.txt").read_bytes() == b"second\ntwo"
    assert f"{tmp_path / 'second' / 'train.txt'}: 2 rows" in capsys.readouterr().out


def test_an_unknown_sample_is_one_line(capsys):
    assert build.main(["suport"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: unknown sample 'suport': expected one of entities, sentence_pairs, "
    )
