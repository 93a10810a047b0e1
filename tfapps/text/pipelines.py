"""The pipelines of all kinds of tokenizers: normaliser, splitter, model, decoder."""

from __future__ import annotations

from collections.abc import Sequence

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from tfapps.text.vocabulary import BLANK, LONGEST_WORD

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
BOS, EOS = "[BOS]", "[EOS]"
SPECIALS = {
    "wordpiece": (PAD, UNK, CLS, SEP, MASK),
    "words": (PAD, UNK, SEP),
    "characters": (PAD, UNK, SEP),
    "bpe": (PAD, UNK, BOS, EOS),
}
KINDS = tuple(SPECIALS)

# A typed BLANK would be decoded as a blank, so it is encoded as a code point that Unicode reserves
# for private use and that no text contains.
_TYPED_BLANK = "\ufdd0"
# Limiting a run of letters limits the pieces of a word.
_BPE_WORD = rf"{BLANK}?(?:[\p{{L}}\p{{M}}]{{1,{LONGEST_WORD - 1}}}|[^\p{{L}}\p{{M}}{BLANK}])"


def assemble(
    kind: str,
    vocabulary: dict[str, int],
    lowercase: bool,
    strip_accents: bool | None = False,
    merges: Sequence[tuple[str, str]] = (),
) -> tokenizers.Tokenizer:
    """Build the pipeline of a kind.

    Specials are not registered as added tokens: that would turn a typed "[SEP]" into the
    special id.

    Args:
        strip_accents: remove accents and vowel signs; None follows BERT, which removed them
            when it lowercased (`wordpiece` only).
        merges: which neighbours become one piece, in order; `bpe` only.
    """
    if kind == "wordpiece":
        return _wordpiece(vocabulary, lowercase, strip_accents)
    if kind == "bpe":
        return _bpe(vocabulary, lowercase, bool(strip_accents), merges)
    inner = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    words = kind == "words"
    bert = normalizers.BertNormalizer(
        handle_chinese_chars=words, strip_accents=bool(strip_accents), lowercase=lowercase
    )
    inner.normalizer = normalizers.Sequence([bert, normalizers.NFC(), normalizers.Strip()])
    if words:
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        inner.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
        inner.decoder = decoders.Fuse()
    return inner


def kind_of(inner: tokenizers.Tokenizer) -> str:
    """Infer the kind from the pipeline, so that only tokenizer.json has to be saved."""
    if isinstance(inner.model, models.WordPiece):
        return "wordpiece"
    if isinstance(inner.model, models.BPE):
        return "bpe"
    return "characters" if isinstance(inner.decoder, decoders.Fuse) else "words"


def special_ids(inner: tokenizers.Tokenizer) -> dict[str, int]:
    """Return the ids of the special pieces that a vocabulary has; listing all of it takes time."""
    names = {name for specials in SPECIALS.values() for name in specials}
    ids = {name: inner.model.token_to_id(name) for name in names}
    return {name: number for name, number in ids.items() if number is not None}


def clean(text: str) -> str:
    """Replace lone surrogates, which JSON can contain and the library rejects."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def as_piece(inner: tokenizers.Tokenizer, text: str) -> str:
    """Return a text in the form that `join` expects for a piece."""
    return text.replace(BLANK, _TYPED_BLANK) if isinstance(inner.model, models.BPE) else text


def join(inner: tokenizers.Tokenizer, pieces: list[str]) -> str:
    """Return the text of pieces."""
    return " ".join(pieces) if inner.decoder is None else inner.decoder.decode(pieces)


def _wordpiece(
    vocabulary: dict[str, int], lowercase: bool, strip_accents: bool | None
) -> tokenizers.Tokenizer:
    model = models.WordPiece(vocabulary, unk_token=UNK, max_input_chars_per_word=LONGEST_WORD)
    inner = tokenizers.Tokenizer(model)
    bert = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    # Without accents composed and decomposed texts are equal. NFC comes last: lower case can
    # have composed characters that upper case lacks.
    accents = strip_accents is False
    inner.normalizer = normalizers.Sequence([bert, normalizers.NFC()]) if accents else bert
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece(prefix="##")
    inner.post_processor = processors.BertProcessing((SEP, vocabulary[SEP]), (CLS, vocabulary[CLS]))
    return inner


def _bpe(
    vocabulary: dict[str, int],
    lowercase: bool,
    strip_accents: bool,
    merges: Sequence[tuple[str, str]],
) -> tokenizers.Tokenizer:
    """Build a lossless pipeline except for white space: a blank belongs to the next piece."""
    # Fused, a word in an unknown script is one [UNK], which a copy of that word can replace.
    model = models.BPE(vocabulary, list(merges), unk_token=UNK, fuse_unk=True)
    inner = tokenizers.Tokenizer(model)
    steps = [
        *([normalizers.NFD(), normalizers.StripAccents()] * strip_accents),
        normalizers.NFC(),
        normalizers.Replace(BLANK, _TYPED_BLANK),
        normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    inner.normalizer = normalizers.Sequence([*steps, *([normalizers.Lowercase()] * lowercase)])
    blanks = {"replacement": BLANK, "prepend_scheme": "always"}
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(**blanks, split=False),
            pre_tokenizers.Split(tokenizers.Regex(_BPE_WORD), "isolated"),
        ]
    )
    inner.decoder = decoders.Sequence(
        [decoders.Metaspace(**blanks), decoders.Fuse(), decoders.Replace(_TYPED_BLANK, BLANK)]
    )
    return inner
