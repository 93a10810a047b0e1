"""The library's pipeline of every kind of tokenizer: normaliser, splitter, model, decoder."""

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

# A typed BLANK would come back as a blank, so it travels as a code point that Unicode keeps for
# such private ends and that no text holds.
_TYPED_BLANK = "\ufdd0"
# The bound on a run of letters is what bounds the pieces of a word.
_BPE_WORD = rf"{BLANK}?(?:[\p{{L}}\p{{M}}]{{1,{LONGEST_WORD - 1}}}|[^\p{{L}}\p{{M}}{BLANK}])"


def assemble(
    kind: str,
    vocabulary: dict[str, int],
    lowercase: bool,
    strip_accents: bool | None = False,
    merges: Sequence[tuple[str, str]] = (),
) -> tokenizers.Tokenizer:
    """Build the pipeline of a kind.

    Specials are not registered as added tokens: that is what would turn a typed "[SEP]" into the
    special id.

    Args:
        strip_accents: remove accents and vowel signs; None does what BERT did, which removed them
            where it lowered the case (`wordpiece` only).
        merges: which neighbours become one piece, first things first; `bpe` only.
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
    """Read the kind off the pipeline, so that tokenizer.json is all there is to save."""
    if isinstance(inner.model, models.WordPiece):
        return "wordpiece"
    if isinstance(inner.model, models.BPE):
        return "bpe"
    return "characters" if isinstance(inner.decoder, decoders.Fuse) else "words"


def clean(text: str) -> str:
    """Half a surrogate pair (JSON can hold one) is no Unicode text: the library refuses it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def as_piece(inner: tokenizers.Tokenizer, text: str) -> str:
    """A text as `join` takes it among the pieces."""
    return text.replace(BLANK, _TYPED_BLANK) if isinstance(inner.model, models.BPE) else text


def join(inner: tokenizers.Tokenizer, pieces: list[str]) -> str:
    """The text of pieces."""
    return " ".join(pieces) if inner.decoder is None else inner.decoder.decode(pieces)


def _wordpiece(
    vocabulary: dict[str, int], lowercase: bool, strip_accents: bool | None
) -> tokenizers.Tokenizer:
    model = models.WordPiece(vocabulary, unk_token=UNK, max_input_chars_per_word=LONGEST_WORD)
    inner = tokenizers.Tokenizer(model)
    bert = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    # Without accents a text is the same composed and decomposed. NFC comes last: lower case can
    # compose what upper case has no character for.
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
    """Nothing is lost but white space: the blank before a word is part of its first piece."""
    # Fused, a word in a foreign script is one [UNK], which a copy of that word can replace.
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
