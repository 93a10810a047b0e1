"""Exported files in tests, asked without a run around them."""

from types import SimpleNamespace
from unittest import mock

import numpy as np

from tfapps.backends import _sessions
from tfapps.backends._compiled import CompiledSession
from tfapps.backends.base import SERVE
from tfapps.backends.litert import LiteRT, interpreter
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


def same_as_interpreter(path, session=CompiledSession):
    """Check what runs a file, and its answers against those of a fresh interpreter, to the bit."""
    with mock.patch.object(_sessions, "alone", return_value=True):  # workers of pytest have threads
        backend, random = LiteRT(path), np.random.default_rng(0)
    with backend._sessions.borrowed() as borrowed:
        assert type(borrowed) is session
    for name, signature in [*backend.signatures.items()] * 2:
        arrays = {}
        for key, (shape, dtype) in signature.inputs.items():
            arrays[key] = (random.random(shape) * (2 if "segment" in key else 4)).astype(dtype)
            if "mask" in key:
                arrays[key] = np.ones(shape, dtype)
        expected = interpreter(path).get_signature_runner(name)(**arrays)
        actual = backend.call(name, arrays)
        assert actual.keys() == expected.keys() == signature.outputs.keys()
        for key, array in expected.items():
            np.testing.assert_array_equal(actual[key], array, f"{name} {key}", strict=True)
            assert (array.shape, array.dtype.name) == signature.outputs[key]
