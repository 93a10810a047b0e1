"""Without a network a download is refused in seconds, by one line."""

import http.server
import threading
from types import SimpleNamespace

import pytest

from tfapps.data.sources import _tfds
from tfapps.errors import InputError
from tfapps.presets import _hub, network, offline, presets

NOWHERE = "http://nowhere.invalid/file.zip"  # a name that never resolves (RFC 2606)


@pytest.fixture
def server():
    """A server of this machine that has nothing."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def test_a_host_that_answers_anything_is_reached(server):
    assert network.unreachable([f"{server}/file"]) is None
    assert network.unreachable([NOWHERE, f"{server}/file"]) is None


def test_a_host_that_does_not_answer_is_named(server, monkeypatch):
    assert network.unreachable([NOWHERE]) == "nowhere.invalid"
    closed = "http://127.0.0.1:9"
    assert network.unreachable([closed]) == "127.0.0.1:9"
    assert network.unreachable([]) is None
    assert network.unreachable(["gs://bucket/file"]) is None


def builder(folder, url):
    def prepare():
        raise AssertionError("a download was begun")

    info = SimpleNamespace(full_name="news/plain/1.0.0")
    path = folder / "news/plain/1.0.0"
    return SimpleNamespace(
        url_infos={url: None}, data_path=path, info=info, download_and_prepare=prepare
    )


def test_a_data_set_that_cannot_be_downloaded_is_refused_at_once(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    dataset = builder(tmp_path, NOWHERE)
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: dataset)
    with pytest.raises(InputError) as error:
        _tfds.prepared("news", str(tmp_path))
    assert str(error.value) == (
        f"data set 'news': not in {dataset.data_path}, and nowhere.invalid cannot be reached to "
        "download it; prepare it on a machine with a network, copy its folder here and set "
        "data.data_dir to the folder above it"
    )


def test_what_was_prepared_or_downloaded_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "unreachable", lambda urls: pytest.fail("asked"))
    dataset = builder(tmp_path, NOWHERE)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/file.zip").touch()
    _tfds._check_reachable(dataset, "news")
    (tmp_path / "downloads/file.zip").unlink()
    dataset.data_path.mkdir(parents=True)
    _tfds._check_reachable(dataset, "news")


def test_a_hub_that_does_not_answer(tmp_path, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(network, "unreachable", lambda urls: "huggingface.co")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(InputError, match=r"'hf://a/b': huggingface.co cannot be reached to down.*"):
        presets.locate("hf://a/b")
    file = str(tmp_path / "config.json")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: file)
    assert presets.locate("hf://a/b") == tmp_path
    assert _hub.cached("bert_tiny_en_uncased") is None


def test_a_network_error_is_distinguished_from_others():
    class NameResolutionError(Exception):
        pass

    outer = ValueError("Max retries")
    outer.__cause__ = NameResolutionError()
    assert _hub.is_network(outer)
    assert _hub.is_network(ConnectionError())
    assert not _hub.is_network(ValueError("no such preset"))


@pytest.mark.parametrize("name", ["news", "huggingface:owner__news"])
def test_opening_a_bundle_reads_no_data(tmp_path, monkeypatch, name):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr(network, "unreachable", lambda urls: pytest.fail("asked"))
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: builder(tmp_path, NOWHERE))
    with (
        offline.bundle(tmp_path),
        pytest.raises(InputError, match=f"its config names data set '{name}'.* downloads nothing"),
    ):
        _tfds.prepared(name, str(tmp_path))
