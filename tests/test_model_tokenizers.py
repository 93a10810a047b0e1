"""Which tokenizer a model asks for."""

import pytest

from tfapps.config.sections import TextConfig
from tfapps.errors import InputError
from tfapps.models import bert, bilstm, seq2seq_lstm, seq2seq_transformer
from tfapps.presets.packages import MINILM, PRESETS
from tfapps.text.tokenizer import Tokenizer

TEXTS = ["the card has not arrived", "where is the card", "the card the card"] * 3
needs_minilm = pytest.mark.skipif(
    PRESETS[MINILM].packages[0].folder() is None, reason="weights not installed"
)


def text(kind):
    return TextConfig(tokenizer=kind, vocabulary_size=60, min_frequency=1)


@needs_minilm
@pytest.mark.parametrize("kind", ["auto", "preset"])
def test_a_preset_brings_its_own(kind):
    tokenizer = bert.tokenizer(bert.Config(preset="minilm_l6"), text(kind), TEXTS)
    assert tokenizer.vocabulary_size == 30522
    tokens = tokenizer.encode(["Hello World"], max_length=8)
    assert tokens.token_ids[0].tolist() == [101, 7592, 2088, 102]


def test_a_preset_takes_no_other():
    with pytest.raises(InputError, match=r"text\.tokenizer: got words, expected auto or preset"):
        bert.tokenizer(bert.Config(preset="minilm_l6"), text("words"), TEXTS)


@pytest.mark.parametrize(
    ("module", "config"), [(bert, bert.Config(size="tiny")), (bilstm, bilstm.Config())]
)
@pytest.mark.parametrize("kind", ["auto", "wordpiece", "words", "characters"])
def test_without_preset_one_is_trained(module, config, kind):
    tokenizer = module.Model.tokenizer(config, text(kind), TEXTS)
    assert tokenizer.kind == ("wordpiece" if kind == "auto" else kind)
    assert 5 < tokenizer.vocabulary_size <= 60
    with pytest.raises(InputError, match=r"text\.tokenizer: got preset, but"):
        module.Model.tokenizer(config, text("preset"), TEXTS)


@pytest.mark.parametrize("module", [seq2seq_lstm, seq2seq_transformer])
def test_a_translator_takes_byte_pairs_where_nothing_else_is_asked_for(module, monkeypatch):
    asked = []
    monkeypatch.setattr(Tokenizer, "train", lambda texts, *options: asked.append(options))
    module.Model.tokenizer(module.Config(), text("auto"), TEXTS)
    module.Model.tokenizer(module.Config(), text("words"), TEXTS)
    assert asked == [("bpe", 60, None, 1, False), ("words", 60, None, 1, False)]
    with pytest.raises(InputError, match=rf"got preset, but {module.Config().name} has none"):
        module.Model.tokenizer(module.Config(), text("preset"), TEXTS)
