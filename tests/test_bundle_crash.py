"""Writing a bundle is atomic, whatever fails on the way."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys

import pytest
from drafts import fill, interrupted, left

from tfapps.bundle import replace
from tfapps.bundle.bundle import Bundle, writing
from tfapps.errors import InputError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "saved_models" / "run"
    with writing(path) as draft:
        fill(draft)
    return path


class Broken(Exception):
    pass


# Whole or not at all


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt, SystemExit])
def test_a_failed_draft_leaves_the_old_one(path, error):
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(error):
        interrupted(path, error)
    assert (path / "manifest.json").read_bytes() == before
    Bundle.open(path)
    assert left(path) == ["run"]


def test_a_failed_first_draft_leaves_nothing(tmp_path):
    with pytest.raises(Broken):
        interrupted(tmp_path / "run", Broken)
    assert list(tmp_path.iterdir()) == []


def test_nothing_shows_before_the_end(path):
    with writing(path) as draft:
        fill(draft, "second")
        assert "first" in (path / "config.yaml").read_text()
        Bundle.open(path)
    assert "second" in (path / "config.yaml").read_text()
    assert left(path) == ["run"]


def test_a_new_draft_keeps_nothing_of_the_old_one(path):
    with writing(path):
        pass
    assert sorted(os.listdir(path)) == ["manifest.json"]


def test_a_base_is_carried_over_without_its_state(path):
    with writing(path, base=Bundle.open(path)) as draft:
        assert draft.stages == {"train": "first"}
        draft.stages["export"] = "done"
        (draft.path / "litert/float32.tflite").write_text("new")
    opened = Bundle.open(path)
    assert opened.artifacts() == ["keras", "saved_model", "litert_float32", "litert_int8"]
    assert opened.manifest["stages"] == {"export": "done", "train": "first"}
    assert (path / "logs/events").exists()
    assert not (path / "state").exists()


def test_writing_in_place_never_reaches_the_base(path):
    base = Bundle.open(path)
    with writing(path.with_name("copy"), base=base) as draft:
        os.truncate(draft.path / "weights.safetensors", 3)
    Bundle.open(path)


def test_stages_of_the_base_are_not_shared(path):
    base = Bundle.open(path)
    with writing(path.with_name("copy"), base=base) as draft:
        draft.stages["export"] = "done"
    assert base.manifest["stages"] == {"train": "first"}


@pytest.mark.parametrize("opener", ["open", "write"])
def test_a_crash_between_the_two_renames_is_recovered(path, opener):
    path.rename(path.with_name(".run.old"))
    shutil.copytree(path.with_name(".run.old"), path.with_name(".run.new"))
    if opener == "write":
        with pytest.raises(Broken), writing(path):
            raise Broken
        assert left(path) == ["run"]
    assert Bundle.open(path).manifest["stages"] == {"train": "first"}


def test_a_crash_after_the_second_rename_is_tidied(path):
    shutil.copytree(path, path.with_name(".run.old"))
    with writing(path) as draft:
        fill(draft, "second")
    assert left(path) == ["run"]
    assert Bundle.open(path).manifest["stages"] == {"train": "second"}


@pytest.mark.parametrize("step", ["aside", "in"])
def test_a_rename_that_fails_puts_the_old_one_back(path, monkeypatch, step):
    rename = os.rename

    def failing(source, target):
        if (str(source).endswith(".new")) == (step == "in") and not str(source).endswith(".old"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(InputError, match="Input/output error"), writing(path) as draft:
        fill(draft, "second")
    assert left(path) == ["run"]  # before open, which would recover it as well
    assert Bundle.open(path).manifest["stages"] == {"train": "first"}


def test_a_reader_that_recovers_in_the_middle_of_a_swap(path, monkeypatch):
    rename, recovered = os.rename, []

    def interrupted(source, target):
        if str(source).endswith(".new") and not recovered:
            recovered.append(Bundle.open(path).manifest["stages"])
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with writing(path) as draft:
        fill(draft, "second")
    assert recovered == [{"train": "first"}]
    assert Bundle.open(path).manifest["stages"] == {"train": "second"}
    assert left(path) == ["run"]


def test_a_killed_process_leaves_the_old_one_and_no_lock(path):
    script = (
        "import os, signal, sys; from tfapps.bundle.bundle import writing\n"
        "with writing(sys.argv[1]) as draft:\n"
        "    (draft.path / 'x').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert left(path) == [".run.new", "run"]
    Bundle.open(path)
    with writing(path) as draft:
        assert list(draft.path.iterdir()) == []
        fill(draft, "second")
    assert left(path) == ["run"]


def test_two_writers_of_one_run(path):
    with writing(path) as draft:
        fill(draft, "second")
        with pytest.raises(InputError, match="another process is writing it"), writing(path):
            pass
    assert Bundle.open(path).manifest["stages"] == {"train": "second"}


def test_an_unfinished_run_may_be_replaced(tmp_path):
    (tmp_path / "run" / "state").mkdir(parents=True)
    with writing(tmp_path / "run") as draft:
        fill(draft)
    Bundle.open(tmp_path / "run")


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else; move it away"):
        writing(tmp_path / "run").__enter__()
    (tmp_path / "file").write_text("work")
    with pytest.raises(InputError, match="there is a file of that name; move it away"):
        writing(tmp_path / "file").__enter__()
    assert sorted(os.listdir(tmp_path)) == ["file", "run"]


def test_a_link_to_a_bundle_stays_a_link(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    with writing(link) as draft:
        fill(draft, "second")
    assert link.is_symlink()
    assert Bundle.open(path).manifest["stages"] == {"train": "second"}


@pytest.mark.parametrize("name", ["..", "../x", "a b", "ä", ".hidden", "x\n"])
def test_a_run_never_leaves_its_folder(tmp_path, name):
    with pytest.raises(InputError, match="expected a name of letters, digits"):
        writing(tmp_path / "saved_models" / name).__enter__()
    assert list(tmp_path.iterdir()) == []


# Disks


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "where", ["os.mkdir", "os.fsync", "os.replace", "shutil.copy2", "json.dumps"]
)
def test_a_full_disk_is_one_line_and_the_old_one_stays(path, monkeypatch, where):
    base = Bundle.open(path)
    with monkeypatch.context() as patched:
        patched.setattr(where, full)
        with pytest.raises(InputError) as caught, writing(path, base=base):
            pass
    assert str(caught.value) == (
        f"cannot write {path}: No space left on device; free some space and run it again"
    )
    Bundle.open(path)
    assert left(path) == ["run"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), RuntimeError("I/O error: {}")])
def test_a_disk_that_fills_up_in_the_body(path, error):
    if isinstance(error, RuntimeError):
        error = RuntimeError(f"I/O error: {os.strerror(errno.ENOSPC)} (os error 28)")
    with pytest.raises(InputError, match="; free some space"), writing(path):
        raise error
    Bundle.open(path)
    assert left(path) == ["run"]


def test_an_error_of_the_body_inside_the_draft_is_a_failed_write(path):
    with pytest.raises(InputError, match=f"{path}: No such file"), writing(path) as draft:
        (draft.path / "no" / "folder").write_text("x")


@pytest.mark.parametrize("error", [FileNotFoundError(2, "no", "data.tsv"), ValueError("wrong")])
def test_other_errors_of_the_body_stay_what_they_are(path, error):
    with pytest.raises(type(error)) as caught, writing(path):
        raise error
    assert caught.value is error


def test_a_folder_that_cannot_be_written(path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "mkdir", denied)
    with pytest.raises(InputError) as caught:
        writing(path).__enter__()
    assert str(caught.value) == (
        f"cannot write {path}: Permission denied; make {path.parent} writable"
    )


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "saved_models" / "run"
    with pytest.raises(InputError, match=f"cannot write {target}: Not a directory; check that"):
        writing(target).__enter__()


def test_the_lock_goes_with_the_draft(path):
    with writing(path) as draft:
        fill(draft, "second")
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


def test_restore_without_anything_to_restore(tmp_path):
    replace.restore(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
