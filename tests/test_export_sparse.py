"""A pruned model's file: only what is not zero, at the place where it was."""

import keras
import numpy as np
import pytest
from asking import form_of
from export_models import features

from tfapps.backends.litert import operators, partitions
from tfapps.compress import prune
from tfapps.export import litert
from tfapps.export.parts import flatbuffer
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.models import bert

LENGTH, WORDS = 12, 60
FORMS = {
    "unstructured": {"sparsity": 0.9},
    "two_of_four": {"m_by_n": (2, 4)},
    "blocks": {"sparsity": 0.8, "block": (4, 1)},
}


def classifier(batch_size=None, length=None):
    keras.utils.set_random_seed(7)
    config = bert.Config(size="tiny", layers=1, max_length=LENGTH)
    part = bert.build(config, batch_size=batch_size, length=length, vocabulary_size=WORDS)
    return keras.Model(part.input, Linear(3, name="head")(part.output["pooled"]))


def rows():
    columns = features(16, LENGTH)
    return {**columns, "segment_ids": np.zeros_like(columns["token_ids"])}


@pytest.fixture(scope="module", params=FORMS)
def pruned(request, tmp_path_factory):
    """Name of the form, its model, and its file."""
    item, model = prune.Config(epochs=0, **FORMS[request.param]), classifier()
    prune.finish(item, model)

    def rebuild(batch_size, length):
        fresh = classifier(batch_size, length)
        for path, weight in weights.variables(model).items():
            weights.variables(fresh)[path].assign(weight)
        return fresh

    folder = tmp_path_factory.mktemp(request.param)
    litert.export(["litert_sparse"], rebuild=rebuild, max_length=LENGTH, folder=folder)
    return request.param, model, folder / "litert" / "sparse.tflite"


def sparse_matrices(path):
    """Matrices that are stored sparse, as dense ones (rows, columns)."""
    model = flatbuffer.read(path.read_bytes())
    for tensor in model.subgraphs[0].tensors:
        if tensor.sparsity is not None:
            values = np.asarray(model.buffers[tensor.buffer].data).view(np.float32)
            yield dense(tensor, values)


def dense(tensor, values):
    """Undo the schema's encoding: dense rows, compressed columns, perhaps dense blocks of them."""
    sparsity = tensor.sparsity
    columns = sparsity.dimMetadata[1]
    segments, indices = columns.arraySegments.values, columns.arrayIndices.values
    width = sparsity.dimMetadata[2].denseSize if len(sparsity.dimMetadata) > 2 else 1
    matrix = np.zeros([int(size) for size in tensor.shape], np.float32)
    for row in range(len(matrix)):
        for place in range(segments[row], segments[row + 1]):
            column = int(indices[place]) * width
            matrix[row, column : column + width] = values[place * width : (place + 1) * width]
    return matrix


def test_the_file_is_as_sparse_as_the_model_and_holds_its_values(pruned):
    form, model, file = pruned
    item = prune.Config(epochs=0, **FORMS[form])
    expected = [np.asarray(weight).T for weight in prune.prunable(item, model).values()]
    actual = list(sparse_matrices(file))
    assert len(actual) == len(expected)
    for matrix in expected:
        assert any(np.array_equal(matrix, other) for other in actual)
    zeros = sum((matrix == 0).sum() for matrix in actual) / sum(matrix.size for matrix in actual)
    assert zeros == pytest.approx(prune.report(item, model)["sparsity"])


def test_the_sparse_file_answers_as_the_model_does(pruned):
    _, model, file = pruned
    expected = model.predict_on_batch(rows())
    logits = form_of(file)(rows())
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_sparse_file_is_smaller_and_blocks_are_multiplied_as_they_are(pruned):
    form, model, file = pruned
    share = file.stat().st_size / (4 * model.count_params())
    assert share < (0.7 if form == "two_of_four" else 0.3)
    unpacked = operators(file).count("DENSIFY")
    # Other zeros are filled in once, when the file is opened, and cost no partition.
    assert (unpacked == 0) == (form == "blocks")
    assert (partitions(file) == 1) == (form != "blocks")


def test_a_model_without_zeros_stays_dense(tmp_path):
    litert.export(["litert_sparse"], rebuild=classifier, max_length=LENGTH, folder=tmp_path)
    assert not list(sparse_matrices(tmp_path / "litert" / "sparse.tflite"))
