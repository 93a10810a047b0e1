"""The bundle: every byte that is used is checked, and no other."""

import errno
import hashlib
import json
import os
import re
import shutil

import numpy as np
import pytest
from drafts import fill, left

from tfapps.bundle import bundle, manifest
from tfapps.bundle.bundle import Bundle, read_json, write_json, writing
from tfapps.errors import InputError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "saved_models" / "run"
    with writing(path) as draft:
        fill(draft)
    return path


def says(path):
    with pytest.raises(InputError) as caught:
        Bundle.open(path).verify()
    return str(caught.value)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# What is written


def test_a_bundle_opens_with_all_its_parts(path):
    opened = Bundle.open(path)
    assert opened.config_path.read_text().startswith("name: run")
    assert opened.weights.stat().st_size == 1005
    assert (opened.text / "tokenizer.json").exists()
    assert opened.metrics == {"headline": "accuracy", "dev": {"keras": 0.5}}
    assert left(path) == ["run"]


def test_the_manifest_hashes_all_but_logs_state_and_itself(path):
    manifest = Bundle.open(path).manifest
    assert list(manifest["files"]) == [
        "config.yaml",
        "litert/int8.tflite",
        "metrics.json",
        "saved_model/saved_model.pb",
        "text/tokenizer.json",
        "weights.safetensors",
    ]
    config = (path / "config.yaml").read_bytes()
    assert manifest["files"]["config.yaml"] == hashlib.sha256(config).hexdigest()
    assert manifest["seed"] == 7
    assert manifest["stages"] == {"train": "first"}


def test_the_manifest_is_sorted_and_names_versions(path):
    text = (path / "manifest.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    versions = Bundle.open(path).manifest["versions"]
    assert set(versions) <= set(bundle.PACKAGES)
    assert versions["keras"].startswith("3.")


def test_versions_leave_out_what_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PACKAGES", ("keras", "no-such-package"))
    with writing(tmp_path / "run"):
        pass
    assert list(Bundle.open(tmp_path / "run").manifest["versions"]) == ["keras"]


def test_a_bundle_without_config_or_metrics(tmp_path):
    with writing(tmp_path / "run"):
        pass
    opened = Bundle.open(tmp_path / "run")
    assert opened.manifest["seed"] is None
    assert opened.metrics == {}
    assert opened.artifacts() == []


def test_artifacts_and_their_places(path):
    opened = Bundle.open(path)
    assert opened.artifacts() == ["keras", "saved_model", "litert_int8"]
    assert opened.artifact("keras") == path / "weights.safetensors"
    assert opened.artifact("saved_model") == path / "saved_model"
    assert opened.artifact("litert_int8") == path / "litert" / "int8.tflite"


@pytest.mark.parametrize("name", ["litert_float32", "litert_../../x", "", "manifest.json"])
def test_a_missing_artifact_lists_the_available_ones(path, name):
    with pytest.raises(InputError) as caught:
        Bundle.open(path).artifact(name)
    assert f"has no artefact {name!r}; available: keras, saved_model, litert_int8" in str(
        caught.value
    )


def test_a_file_the_manifest_does_not_list_is_no_artifact(path):
    (path / "litert/float32.tflite").write_text("slipped in")
    assert "litert_float32" not in Bundle.open(path).artifacts()


# Integrity


@pytest.mark.parametrize("name", ["config.yaml", "weights.safetensors", "litert/int8.tflite"])
@pytest.mark.parametrize("damage", ["flip", "cut", "append", "remove", "folder"])
def test_a_damaged_file_is_named(path, name, damage):
    file = path / name
    data = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "remove":
        file.write_bytes(
            {"flip": data[:-1] + b"?", "cut": data[:-1], "append": data + b"?"}[damage]
        )
    reason = {"remove": "missing, though", "folder": "Is a directory, though"}
    text = says(path)
    assert text.startswith(f"{file}: {reason.get(damage, 'changed or truncated')}")
    assert text.endswith("run it again")
    uses = {
        "config.yaml": lambda run: run.config_path,
        "weights.safetensors": lambda run: run.artifact("keras"),
        "litert/int8.tflite": lambda run: run.artifact("int8"),
    }
    opened = Bundle.open(path)
    with pytest.raises(InputError, match=re.escape(text)):
        uses.pop(name)(opened)
    assert [use(opened).is_file() for use in uses.values()] == [True, True]
    with pytest.raises(InputError, match=re.escape(text)), writing(path, base=opened):
        pass
    assert Bundle.open(path).manifest == opened.manifest


def test_the_bytes_that_are_read_are_those_that_were_hashed(path):
    file = path / "litert/int8.tflite"
    content = Bundle.open(path).content("int8")
    assert content == (file, b"first", hashlib.sha256(b"first").hexdigest())
    file.write_bytes(b"worst")
    with pytest.raises(InputError, match=r"int8\.tflite: changed or truncated"):
        Bundle.open(path).content("litert_int8")
    file.unlink()
    with pytest.raises(InputError, match=r"int8\.tflite: missing, though"):
        Bundle.open(path).content("litert_int8")
    assert Bundle.open(path).content("keras") is None


@pytest.mark.parametrize("use", ["weights", "text", "metrics"])
def test_a_file_is_hashed_once_and_one_that_is_not_used_never(path, monkeypatch, use):
    hashed = []
    digest = manifest.digest
    monkeypatch.setattr(manifest, "digest", lambda file: hashed.append(file) or digest(file))
    opened = Bundle.open(path)
    for _ in range(2):
        getattr(opened, use)
    names = {"weights": "weights.safetensors", "text": "text/tokenizer.json"}
    assert hashed == [path / names.get(use, "metrics.json")]


def test_what_changes_while_it_is_copied_is_noticed(path, monkeypatch):
    """A file that was used before is hashed again, as the next manifest calls it good."""
    opened = Bundle.open(path)
    opened.weights.write_bytes(b"changed since")
    expected = re.escape(f"{opened.weights}: changed or truncated")
    with pytest.raises(InputError, match=expected), writing(path, base=opened):
        pass


def test_logs_and_state_may_change(path):
    (path / "logs/events").write_text("more")
    shutil.rmtree(path / "state")
    Bundle.open(path)


@pytest.mark.parametrize("cut", [0, 1, 20, -3])
def test_a_cut_manifest(path, cut):
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:cut])
    assert says(path).startswith(f"{manifest}: not valid JSON, changed or truncated")


@pytest.mark.parametrize("text", ["[]", "{}", '{"files": []}', "3"])
def test_a_manifest_of_another_shape(path, text):
    (path / "manifest.json").write_text(text)
    assert "expected a mapping with 'files'" in says(path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "text/../../x", ""])
def test_a_manifest_that_points_outside(path, name):
    (path / "manifest.json").write_text(json.dumps({"files": {name: "0" * 64}}))
    assert f"{name!r} is not a file inside the run" in says(path)


def test_a_manifest_whose_digest_is_no_string(path):
    (path / "manifest.json").write_text(json.dumps({"files": {"config.yaml": None}}))
    assert "'config.yaml' is not a file inside the run with a SHA-256" in says(path)


def test_a_folder_without_manifest(path):
    (path / "manifest.json").unlink()
    assert says(path) == f"{path}: no manifest.json, so this is not a finished run; run it again"


def test_a_missing_run_suggests_a_similar_name(path):
    assert says(path.with_name("runn")) == f"{path}n: no such run; did you mean {path}?"
    assert says(path.parent / "xyz") == f"{path.parent / 'xyz'}: no such run"
    assert says(path / "no" / "way") == f"{path / 'no' / 'way'}: no such run"


def test_a_file_is_no_run(path):
    assert says(path / "config.yaml").endswith("a file, expected the folder of a run")


# JSON


def test_json_round_trip_of_what_metrics_hold(tmp_path):
    file = tmp_path / "x.json"
    write_json(file, {"b": np.float32(0.5), "a": [np.int64(1), float("nan"), np.nan], 3: (1, "ä")})
    assert read_json(file) == {"3": [1, "ä"], "a": [1, None, None], "b": 0.5}
    assert file.read_text().startswith('{\n  "3"')
    write_json(file, {"matrix": np.array([[1.0, np.inf]])})
    assert read_json(file) == {"matrix": [[1.0, None]]}


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "x.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(file, {"a": 2})
    assert read_json(file) == {"a": 1}
    assert left(file) == ["x.json"]


def test_json_that_cannot_be_read(tmp_path):
    file = tmp_path / "x.json"
    with pytest.raises(InputError, match=r"x\.json: cannot be read: No such file"):
        read_json(file)
    for content in (b'{"a": ', b"\xff", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"x\.json: not valid JSON, changed or truncated"):
            read_json(file)


# Bundles of strangers


NAMES = ["text\\tokenizer.json", "C:/config.yaml", "c:config.yaml", "text//x", "./config.yaml"]
NAMES += ["text/", "text/.", "text/..", "config.yaml:stream", "text/a\x00b", "text/a\nb", "text/. "]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_means_another_file_elsewhere_is_refused(path, name):
    (path / "manifest.json").write_text(json.dumps({"files": {name: "0" * 64}}))
    assert "is not a file inside the run" in says(path)


@pytest.mark.parametrize("name", ["config.yaml", "text", "text/tokenizer.json", "manifest.json"])
def test_links_are_refused(path, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    (path / name).rename(elsewhere)
    (path / name).symlink_to(elsewhere)
    assert f"{path / name}: a link; a run contains only plain files" in says(path)


def test_a_run_may_lie_behind_a_link(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    assert Bundle.open(tmp_path / "link").weights.stat().st_size == 1005


def test_a_pipe_is_not_waited_for(path):
    (path / "config.yaml").unlink()
    os.mkfifo(path / "config.yaml")
    assert "config.yaml: not a plain file" in says(path)


def test_a_file_that_the_manifest_does_not_list_is_not_read(path):
    before = Bundle.open(path)
    for name in ("delta.safetensors", "compression.json", "verify.json", "architecture.json"):
        (path / name).write_text('{"slipped": "in"}')
    (path / "ensemble.json").write_text('{"members": 1, "learned": {}}')
    shutil.copytree(path, path / "members/0", ignore=shutil.ignore_patterns("members"))
    opened = Bundle.open(path)
    assert opened.weights == before.weights == path / "weights.safetensors"
    assert opened.compression == opened.proof == opened.architecture == opened.ensemble == {}
    assert opened.members == []
    assert opened.artifacts() == before.artifacts()


@pytest.mark.parametrize("name", ["metrics.json", "config.yaml", "weights.safetensors"])
def test_a_file_that_is_no_longer_listed_is_not_read(path, name):
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["files"][name]
    (path / "manifest.json").write_text(json.dumps(manifest))
    opened = Bundle.open(path)
    if name == "metrics.json":
        assert opened.metrics == {}
        return
    part = "config_path" if name == "config.yaml" else "weights"
    with pytest.raises(InputError, match=rf"manifest\.json lists no {name}; run it again"):
        getattr(opened, part)


@pytest.mark.parametrize("name", ["text/surface.json", "text/target/x", "saved_model/variables/x"])
def test_a_folder_that_is_read_as_a_whole_holds_what_is_listed(path, name):
    file = path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("[]")
    (file.parent / ".DS_Store").write_text("which no reader looks at")
    opened = Bundle.open(path)
    with pytest.raises(InputError, match=rf"{name}: manifest\.json does not list it"):
        _ = opened.text if name.startswith("text") else opened.artifact("saved_model")
    file.unlink()
    assert opened.text == path / "text"
    assert opened.artifact("saved_model") == path / "saved_model"
    (path / "text/link").symlink_to(path / "logs")
    with pytest.raises(InputError, match=r"text/link: a link"):
        _ = opened.text


@pytest.mark.parametrize("count", [0, -1, "2", None, 10**12])
def test_members_are_those_that_are_listed(tmp_path, count):
    path = tmp_path / "run"
    with writing(path) as draft:
        write_json(draft.path / "ensemble.json", {"members": count})
        for number in range(2):
            (draft.path / f"members/{number}").mkdir(parents=True)
            write_json(draft.path / f"members/{number}/manifest.json", {"files": {}})
    expected = r"lists no members/2/manifest\.json" if count == 10**12 else "expected a number"
    with pytest.raises(InputError, match=expected):
        _ = Bundle.open(path).members


def test_logs_that_lead_out_of_the_run_are_not_copied(path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (path / "logs/secret").symlink_to(tmp_path / "secret")
    with writing(tmp_path / "copy", base=Bundle.open(path)):
        pass
    assert sorted(os.listdir(tmp_path / "copy/logs")) == ["events"]


def test_figures_that_are_no_mapping_are_named(tmp_path):
    with writing(tmp_path / "odd") as draft:
        (draft.path / "architecture.json").write_text("[]")
    with pytest.raises(InputError, match=r"odd/architecture.json: expected a mapping; run it"):
        _ = Bundle.open(tmp_path / "odd").architecture
