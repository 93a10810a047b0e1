"""Exported files in tests, asked without a run around them."""

from types import SimpleNamespace

from tfapps.backends.base import SERVE
from tfapps.backends.litert import LiteRT
from tfapps.backends.opening import open_file
from tfapps.features.feature import tokens
from tfapps.forms import seq2seq, single


def form_of(path, outputs=("logits",), threads=1):
    """What answers with a file that is run once per text: features (b, t) -> outputs."""
    backend = open_file(path, threads)
    task = SimpleNamespace(outputs=outputs, tags_words=False)
    inputs = backend.signatures[SERVE].inputs if SERVE in backend.signatures else ()
    return single.Form(backend, tokens(*inputs), task)


def signatures(path):
    """Names of what a LiteRT file can be asked."""
    return sorted(LiteRT(path).signatures)


def translator(backend, search, *, length, start_id, end_id):
    """What answers with a backend of an encoder and a step, or of both in one."""
    ends = SimpleNamespace(start_id=start_id, end_id=end_id)
    task = SimpleNamespace(target_tokenizer=ends, search=lambda final=True: search)
    features = tokens("token_ids", "padding_mask", length=length)
    return seq2seq.Form(backend, features, task)
