"""Forms on a backend in numpy: which rows reach which signature, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfapps.backends.base import Backend, Signature, Tensor
from tfapps.errors import InputError
from tfapps.features.feature import tokens
from tfapps.forms import base, seq2seq, single
from tfapps.forms.parts.steps import Steps

LENGTH = 6
NAMES = ("token_ids", "padding_mask")


class Recorded(Backend):
    """Signatures that give a function of their inputs; `calls` holds what each was asked."""

    name = "a file"

    def __init__(self, functions, signatures):
        self.functions, self.signatures, self.calls = functions, signatures, []

    def call(self, signature, arrays):
        stated = self.signatures[signature].inputs
        for name, array in arrays.items():
            pairs = zip(array.shape, stated[name].shape, strict=True)
            assert all(size in (actual, None) for actual, size in pairs), (name, array.shape)
        assert arrays.keys() == stated.keys()
        self.calls.append((signature, arrays["token_ids"].shape))
        return self.functions[signature](**arrays)


def logits_of(token_ids, padding_mask):
    return {"logits": np.stack([token_ids, padding_mask], axis=-1).astype("float32")}


def tagger(rows, length, shorter=()):
    """A backend with logits (b, t, 2) for every token."""

    def signature(length):
        inputs = {name: Tensor((rows, length), "int32") for name in NAMES}
        return Signature(inputs, {"logits": Tensor((rows, length, 2), "float32")})

    signatures = {f"short_{n}": signature(n) for n in shorter}
    signatures["serving_default"] = signature(length)
    return Recorded(dict.fromkeys(signatures, logits_of), signatures)


def form_of(backend, names=NAMES, outputs=("logits",)):
    task = SimpleNamespace(outputs=outputs, tags_words=False)
    return single.Form(backend, tokens(*names, length=LENGTH), task)


def rows(*counts, width=LENGTH):
    mask = (np.arange(width) < np.array(counts)[:, None]).astype("int32")
    return {"token_ids": mask * (7 + np.arange(width, dtype="int32")), "padding_mask": mask}


@pytest.mark.parametrize("width", [3, LENGTH, LENGTH + 2])
def test_a_static_file_answers_row_by_row_as_long_as_the_features(width):
    backend = tagger(1, LENGTH)
    features = rows(3, 1, 2, width=width)
    logits = form_of(backend)(features)
    assert backend.calls == [("serving_default", (1, LENGTH))] * 3
    expected = logits_of(**features)["logits"][:, :LENGTH]
    np.testing.assert_array_equal(logits, expected)


def test_an_open_artefact_answers_in_batches():
    backend = tagger(None, None)
    features = rows(*[4] * (base.BATCH + 3))
    logits = form_of(backend)(features)
    sizes = [shape for _, shape in backend.calls]
    assert sizes == [(base.BATCH, LENGTH), (3, LENGTH)]
    np.testing.assert_array_equal(logits, logits_of(**features)["logits"])


def test_a_row_takes_the_least_length_that_holds_it():
    backend = tagger(1, LENGTH, shorter=(2, 4))
    features = rows(1, 2, 3, 5)
    logits = form_of(backend)(features)
    names = ["short_2", "short_2", "short_4", "serving_default"]
    assert [name for name, _ in backend.calls] == names
    np.testing.assert_array_equal(logits, logits_of(**features)["logits"])


@pytest.mark.parametrize(("count", "length"), [(1, LENGTH), (None, None)])
def test_no_rows_have_a_shape(count, length):
    features = {name: column[:0] for name, column in rows(2).items()}
    assert form_of(tagger(count, length))(features).shape == (0, LENGTH, 2)


def test_artefacts_of_another_kind_are_refused():
    with pytest.raises(InputError, match="a file: expected inputs among token_ids, all of one len"):
        form_of(tagger(1, LENGTH), names=("token_ids",))
    with pytest.raises(InputError, match="a file: expected the outputs logits, other, got logits"):
        form_of(tagger(1, LENGTH), outputs=("logits", "other"))
    backend = tagger(1, LENGTH)
    backend.signatures = {"translate": backend.signatures["serving_default"]}
    with pytest.raises(InputError, match=r"expected the signature serving_default, got \['transl"):
        form_of(backend)
    uneven = tagger(1, LENGTH)
    uneven.signatures["serving_default"].inputs["padding_mask"] = Tensor((1, 3), "int32")
    with pytest.raises(InputError, match="all of one length, got {'token_ids'"):
        form_of(uneven)


def counter(rows, several=None):
    """A backend whose states count the steps that a prefix took."""
    source = {name: Tensor((rows, LENGTH), "int32") for name in NAMES}

    def step_of(size):
        inputs = {name: Tensor((size,), "int32") for name in ("token_ids", "count", "source")}
        outputs = {"logits": Tensor((size, 9), "float32"), "count": Tensor((size,), "int32")}
        return Signature(inputs, outputs)

    def encode(token_ids, padding_mask):
        return {"count": token_ids[:, 0] * 0, "source": padding_mask.sum(axis=1)}

    def step(token_ids, count, source):
        logits = np.zeros((len(token_ids), 9), "float32")
        logits[:, 4] = 1
        logits[np.arange(len(token_ids)), 3] = 2.0 * (count >= source)  # 3 is the end
        return {"logits": logits, "count": count + 1}

    stated = dict.fromkeys(("count", "source"), Tensor((rows,), "int32"))
    signatures = {"encode": Signature(source, stated), "step": step_of(rows)}
    signatures |= {"steps": step_of(several)} if several else {}
    return Recorded({"encode": encode, "step": step, "steps": step}, signatures)


@pytest.mark.parametrize(("count", "several"), [(None, None), (1, None), (1, 2)])
def test_answers_of_a_search_are_in_the_order_of_the_rows(count, several):
    from tfapps.decoding.beam import Search

    ends = SimpleNamespace(start_id=2, end_id=3)
    task = SimpleNamespace(target_tokenizer=ends, search=lambda final: Search(beam=2))
    form = seq2seq.Form(counter(count, several), tokens(*NAMES, length=LENGTH), task)
    answers = form(rows(4, 1, 3, 2), likeliest=True)
    assert [len(best.token_ids) for (best,) in answers] == [4, 1, 3, 2]
    assert form.length == LENGTH
    assert not form.likeliest


def test_steps_of_several_prefixes_repeat_the_last_one():
    backend = counter(1, several=2)
    steps = Steps(backend, tokens(*NAMES))
    states, context = steps.encode(rows(2))
    assert (states["count"], context["source"]) == (0, 2)
    prefixes = {"count": np.array([0, 5, 9], "int32")}, {"source": np.array([2, 2, 2], "int32")}
    logits, states, attention = steps.step(np.array([4, 4, 4]), *prefixes)
    assert [call for call in backend.calls if call[0] != "encode"] == [("steps", (2,))] * 2
    assert logits.argmax(axis=-1).tolist() == [4, 3, 3]
    assert states["count"].tolist() == [1, 6, 10]
    assert attention is None
