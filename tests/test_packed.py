"""The cache of packed weights: it saves time, and nothing that happens to it changes an answer."""

import errno
import hashlib
import os

import numpy as np
import pytest

from tfapps.backends import _packed, _sessions
from tfapps.backends._compiled import CompiledSession
from tfapps.backends._interpreter import InterpreterSession
from tfapps.backends._packed import Packed
from tfapps.backends.base import SERVE
from tfapps.backends.litert import LiteRT
from tfapps.bundle.manifest import Content
from tfapps.serve.predictor import Predictor

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory")


@pytest.fixture(scope="module")
def content(workplace):
    path = workplace / "saved_models" / "tiny" / "litert" / "float32.tflite"
    data = path.read_bytes()
    return Content(path, data, hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def expected(content):
    return _ask(InterpreterSession(content.path, 1, content.data))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_packed, "LEAST", 0)
    monkeypatch.setattr(_sessions, "alone", lambda: True)  # workers of pytest have threads
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tfapps" / "xnnpack"


def _ask(backend):
    inputs = backend.signatures[SERVE].inputs.items()
    arrays = {name: np.ones(shape, dtype) for name, (shape, dtype) in inputs}
    return backend.call(SERVE, arrays)["logits"].tobytes()


def _opened(content):
    backend = LiteRT(content.path, content=content)
    with backend._sessions.borrowed() as session:
        assert type(session) is CompiledSession
    return backend


def test_weights_are_packed_once(content, expected, folder, monkeypatch):
    assert _ask(_opened(content)) == expected
    (cached,) = folder.iterdir()
    assert cached.stat().st_size > 1000
    packed = Packed(len(content.data), content.sha256)
    assert not packed._packs
    stored = []
    monkeypatch.setattr(_packed, "_make_room", lambda *_: stored.append(1))
    assert _ask(_opened(content)) == expected
    assert stored == []


def test_a_predictor_keeps_those_of_its_bundle(workplace, folder):
    path = workplace / "saved_models" / "tiny"
    answers = [Predictor.open(path, "litert_float32")(["the saw"]) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(list(folder.iterdir())) == 1


def test_a_file_without_a_hash_is_in_no_cache(content, expected, folder):
    assert _ask(LiteRT(content.path)) == expected
    assert not folder.exists()


def test_a_small_file_is_packed_anew(content, expected, folder, monkeypatch):
    monkeypatch.setattr(_packed, "LEAST", len(content.data) + 1)
    assert Packed(len(content.data), content.sha256).path == ""
    assert _ask(_opened(content)) == expected
    assert not folder.exists()


def test_a_system_without_files_in_memory(content, expected, folder, monkeypatch):
    monkeypatch.setattr(_packed, "_memory_files", lambda: False)
    assert _ask(_opened(content)) == expected
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["first", "middle", "last", "cut", "empty", "other"])
def test_damaged_weights_are_packed_anew(content, expected, folder, damage):
    _opened(content)
    (cached,) = folder.iterdir()
    data = bytearray(cached.read_bytes())
    places = {"first": 0, "middle": len(data) // 2, "last": len(data) - 1}
    if damage in places:
        data[places[damage]] ^= 1
    cached.unlink()
    cached.write_bytes({"cut": data[:-200], "empty": b"", "other": b"0" * 500}.get(damage, data))
    assert _ask(_opened(content)) == expected
    (again,) = folder.iterdir()
    assert again.read_bytes() != data or damage not in places
    assert not Packed(len(content.data), content.sha256)._packs


@pytest.mark.parametrize("change", ["runtime", "file"])
def test_weights_are_those_of_one_file_and_one_runtime(content, folder, monkeypatch, change):
    _opened(content)
    sha256 = content.sha256
    if change == "runtime":
        monkeypatch.setattr(_packed, "_packer", lambda: "0" * 64)
    else:
        sha256 = hashlib.sha256(b"another file").hexdigest()
    assert Packed(len(content.data), sha256)._packs


@pytest.mark.parametrize("trouble", ["a file", "open to all", "full", "no home"])
def test_a_folder_that_cannot_be_used_costs_time_alone(
    content, expected, folder, monkeypatch, trouble
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if trouble == "a file":
        folder.parent.mkdir()
        folder.write_text("")
    elif trouble == "open to all":
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    elif trouble == "full":
        monkeypatch.setattr(_packed.os, "replace", full)
    else:
        monkeypatch.setattr(_packed, "_folder", lambda: _packed.Path("~nobody-here/x").expanduser())
    for _ in range(2):
        assert _ask(_opened(content)) == expected
    assert not folder.is_dir() or list(folder.iterdir()) == []


def test_two_that_pack_at_once_write_no_common_file(content, folder, monkeypatch):
    """A file that one of them renames must not be written by the other: it may be mapped."""
    places = []
    replace = os.replace
    monkeypatch.setattr(_packed.os, "replace", lambda a, b: places.append(a) or replace(a, b))
    both = [Packed(len(content.data), content.sha256) for _ in range(2)]
    sessions = [CompiledSession(content.path, 1, content.data, packed) for packed in both]
    for packed in both:
        packed.store()
    assert len(sessions) == len(set(places)) == 2
    assert not Packed(len(content.data), content.sha256)._packs


def test_weights_that_are_mapped_may_be_removed(content, expected, folder):
    _opened(content)
    backend = _opened(content)
    for file in folder.iterdir():
        file.unlink()
    assert _ask(backend) == expected


def test_the_weights_used_longest_ago_go_first(content, folder, monkeypatch):
    _opened(content)
    (cached,) = folder.iterdir()
    size = cached.stat().st_size
    for age, name in enumerate(("new", "middle", "old")):
        (folder / name).write_bytes(b"0" * size)
        os.utime(folder / name, (10**9 - age, 10**9 - age))
    monkeypatch.setattr(_packed, "MOST", 3 * size)
    monkeypatch.setattr(_packed, "_packer", lambda: "0" * 64)
    _opened(content)
    names = {file.name for file in folder.iterdir()}
    assert {"new", cached.name} < names
    assert len(names) == 3
    monkeypatch.setattr(_packed, "MOST", size - 1)
    monkeypatch.setattr(_packed, "_packer", lambda: "1" * 64)
    _opened(content)
    assert {file.name for file in folder.iterdir()} == names
