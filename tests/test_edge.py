"""Any Keras 3 model is pruned, clustered, exported and compared with its files."""

import functools
import re
import types

import keras
import numpy as np
import pytest

import tfapps
from tfapps.backends import litert
from tfapps.backends.base import SERVE
from tfapps.edge import measures, static
from tfapps.errors import InputError

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(64, 12)).astype("float32")
CLASSES = (ROWS[:, :3].argmax(-1)).astype("int32")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def small(**options):
    """A Sequential model of two matrices."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
    )
    model.compile("adam", LOSS, **options)
    return model


def two_of_each():
    """A functional model with two inputs, one without a name, and two outputs."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((5,), dtype="int32", name="ids")
    values = keras.Input((12,))
    x = keras.layers.Embedding(20, 8)(ids)
    x = keras.layers.GlobalAveragePooling1D()(x)
    x = keras.layers.Concatenate()([x, keras.layers.Dense(8)(values)])
    outputs = {"kind": keras.layers.Dense(3)(x), "size": keras.layers.Dense(1)(x)}
    return keras.Model([ids, values], outputs)


def zeros(model):
    return [float((layer.kernel.numpy() == 0).mean()) for layer in model.layers]


def test_fit_prunes_on_schedule_and_the_zeros_stay():
    model = small()
    model.fit(ROWS, CLASSES, verbose=0)  # its step is traced without masks
    callback = tfapps.prune(model, 0.75, frequency=1)
    history = model.fit(ROWS, CLASSES, batch_size=16, epochs=4, verbose=0, callbacks=[callback])
    assert zeros(model) == [0.75, 0.75]
    shares = history.history["sparsity"]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == callback.report()["sparsity"] == 0.75
    before = model.layers[0].kernel.numpy()
    model.fit(ROWS, CLASSES, epochs=2, verbose=0)
    after = model.layers[0].kernel.numpy()
    np.testing.assert_array_equal(before == 0, after == 0)
    assert np.abs(before - after).max() > 0


def test_pruning_at_once_needs_no_fit(step_by_step):
    model = small()
    kernel = np.abs(model.layers[0].kernel.numpy())
    tfapps.prune(model, 0.5, steps=0)
    kept = model.layers[0].kernel.numpy() != 0
    assert kernel[kept].min() >= kernel[~kept].max()
    assert zeros(model) == [0.5, 0.5]
    model.fit(ROWS, CLASSES, verbose=0)
    assert zeros(model) == [0.5, 0.5]


def test_forms_and_patterns_of_pruning():
    model = small()
    tfapps.prune(model, m_by_n=(2, 4), steps=0, exclude=[model.layers[1].kernel.path])
    groups = model.layers[0].kernel.numpy().T.reshape(-1, 4)
    assert ((groups == 0).sum(1) == 2).all()
    assert zeros(model)[1] == 0
    with pytest.raises(InputError, match="prune.exclude: 'nothing' matches no weight"):
        tfapps.prune(model, exclude=["nothing"])
    with pytest.raises(InputError, match="prune: sparsity: .*less than 1"):
        tfapps.prune(model, 1.5)


def test_depthwise_kernels_are_left_alone():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            keras.layers.Conv2D(8, 3),
            keras.layers.DepthwiseConv2D(3),
            keras.layers.SeparableConv2D(8, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    tfapps.prune(model, 0.5, steps=0)
    shares = {weight.path: float(np.mean(weight.numpy() == 0)) for weight in model.weights}
    kernels = {path: share for path, share in shares.items() if path.endswith("kernel")}
    assert len(kernels) == 5
    for path, share in kernels.items():
        assert share == pytest.approx(0 if "depthwise" in path else 0.5, abs=0.01), path


def test_a_fit_of_unknown_length_asks_for_steps():
    model = small()
    callback = tfapps.prune(model, 0.5)
    callback.set_params({"epochs": 2, "steps": None})
    with pytest.raises(InputError, match=r"give tfapps.prune\(model, steps=...\)"):
        callback.on_train_begin()


def test_clusters_stay_while_a_model_trains():
    model = small()
    model.fit(ROWS, CLASSES, verbose=0)  # its step is traced without clusters
    tfapps.prune(model, 0.5, steps=0)
    report = tfapps.cluster(model, 8)
    assert report["distinct"] <= 8
    before = model.layers[0].kernel.numpy()
    model.fit(ROWS, CLASSES, epochs=2, verbose=0)
    after = model.layers[0].kernel.numpy()
    assert len(np.unique(after)) <= 8
    assert np.abs(before - after).max() > 0
    assert zeros(model) == [0.5, 0.5]
    with pytest.raises(InputError, match="cluster: clusters: .*greater than or equal to 2"):
        tfapps.cluster(model, 1)


def test_models_of_another_kind_are_refused():
    class Own(keras.Model):
        def build(self, shape):
            self.dense = keras.layers.Dense(3)
            self.dense.build(shape)

        def call(self, x):
            return self.dense(x)

    own = Own()
    own(ROWS)
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    exported = functools.partial(tfapps.export_litert, path="x")
    for call in (tfapps.prune, tfapps.cluster, tfapps.quantize, exported):
        with pytest.raises(InputError, match="Own, a subclassed model, expected a functional"):
            call(own)
        with pytest.raises(InputError, match="has no weights yet; begin it with keras.Input"):
            call(unbuilt)
        with pytest.raises(InputError, match="expected a functional or Sequential model of Keras"):
            call(types.SimpleNamespace())


def test_what_cannot_be_exported_is_refused_before_the_work(tmp_path):
    model = small()
    with pytest.raises(InputError, match=r"got \['int16'\], expected some of float32, float16"):
        tfapps.export_litert(model, tmp_path, ["int16"])
    with pytest.raises(InputError, match="is one file, but kinds asks for 2; give a folder"):
        tfapps.export_litert(model, tmp_path / "model.tflite", ["float32", "int8"])
    with pytest.raises(InputError, match="int8 needs calibration=..., some 100 rows of inputs"):
        tfapps.export_litert(model, tmp_path, ["float32", "int8"])
    with pytest.raises(InputError, match=r"calibration: rows of input_0 have the shape \(5,\)"):
        tfapps.export_litert(model, tmp_path, ["int8"], calibration=ROWS[:, :5])
    open_axis = keras.Sequential([keras.Input((None, 4), name="steps"), keras.layers.LSTM(4)])
    with pytest.raises(InputError, match=r"input steps has an open axis, \(None, None, 4\), .*=64"):
        tfapps.export_litert(open_axis, tmp_path)
    assert list(tmp_path.iterdir()) == []


class Scaled(keras.layers.Layer):
    """A layer of a user, which forgets to state its argument."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def get_config(self):
        return keras.layers.Layer.get_config(self)

    def call(self, x):
        return x * self.factor


def test_a_layer_that_cannot_be_copied_is_named(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Scaled(2.0, name="mine")])
    with pytest.raises(InputError, match=r"mine \(Scaled\) cannot be copied: .*factor.*get_config"):
        tfapps.export_litert(model, tmp_path)


def test_a_copy_is_independent_and_equal():
    model = two_of_each()
    shapes = static.shapes_of(model, None)
    copy = static.static(model, shapes)
    assert shapes == {"ids": (5,), "input_1": (12,)}
    assert [tuple(t.shape) for t in copy.inputs] == [(1, 5), (1, 12)]
    rows = {"ids": np.ones((1, 5), "int32"), "input_1": ROWS[:1]}
    expected = model.predict(static.packed(model, rows), verbose=0)
    for name, value in copy.predict(rows, verbose=0).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6)
    weight = copy.weights[0]
    weight.assign(weight + 1)
    again = model.predict(static.packed(model, rows), verbose=0)
    np.testing.assert_array_equal(again["kind"], expected["kind"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The model of two inputs and outputs, its rows, and its files."""
    model, folder = two_of_each(), tmp_path_factory.mktemp("edge")
    rows = [RANDOM.integers(0, 20, (64, 5)), ROWS]
    files = tfapps.export_litert(model, folder, ["int8", "float32"], calibration=rows)
    return model, rows, folder, files


def test_files_are_compared_with_their_model(exported, capsys):
    model, rows, folder, files = exported
    assert list(files) == ["int8", "float32"]
    assert all(path.is_file() for path in files.values())
    targets = {"kind": CLASSES, "size": None}
    reports = tfapps.verify_litert(model, folder, rows, targets)
    table = capsys.readouterr().out.splitlines()
    assert list(reports) == ["float32", "int8"]
    exact, rounded = reports.values()
    assert exact.largest_difference < 1e-5
    assert exact.agreement == 1
    assert exact.drop == 0
    assert exact.partitions == litert.partitions(files["float32"])
    assert exact.bytes == files["float32"].stat().st_size
    assert exact.p50_ms > 0
    assert rounded.outputs["size"].agreement is None
    assert rounded.outputs["size"].metric is None
    assert exact.largest_difference < rounded.largest_difference
    assert rounded.outputs["kind"].agreement > 0.8
    assert re.fullmatch(r"file +output +difference +relative +agreement +accuracy .*", table[0])
    assert [line.split()[:2] for line in table[1::2]] == [["float32", "kind"], ["int8", "kind"]]
    assert len(table) == 5


def test_files_and_rows_of_another_model_are_refused(exported, tmp_path):
    model, rows, folder, _ = exported
    with pytest.raises(InputError, match=r"takes \['ids', 'input_1'\], the model \['input_0'\]"):
        tfapps.verify_litert(small(), folder, ROWS)
    with pytest.raises(InputError, match="inputs: got one array, expected a dictionary or list"):
        tfapps.verify_litert(model, folder, ROWS)
    with pytest.raises(InputError, match=r"inputs: got \[3, 64\] rows, expected one number"):
        tfapps.verify_litert(model, folder, [rows[0][:3], rows[1]])
    with pytest.raises(InputError, match="got 3 targets of kind for 64 rows"):
        tfapps.verify_litert(model, folder, rows, [CLASSES[:3], None])
    with pytest.raises(InputError, match="targets: got one array, expected a dictionary or list"):
        tfapps.verify_litert(model, folder, rows, CLASSES)
    with pytest.raises(InputError, match="has no .tflite file; write some"):
        tfapps.verify_litert(model, tmp_path, rows)


def test_the_file_of_a_kind_may_have_a_name_of_its_own(exported, tmp_path):
    model, *_ = exported
    named = tmp_path / "new" / "mine.tflite"
    assert tfapps.export_litert(model, named, "float32") == {"float32": named}
    signature = litert.LiteRT(named).signatures[SERVE]
    assert {name: t.dtype for name, t in signature.inputs.items()} == {
        "ids": "int32",
        "input_1": "float32",
    }
    assert set(signature.outputs) == {"kind", "size"}


@pytest.mark.parametrize(
    ("metric", "expected", "drop"),
    [
        (None, 0.5, 0.5),
        ("accuracy", 0.5, 0.5),
        ("mae", 0.875, 0.375),
        (keras.metrics.MeanAbsoluteError(), 0.875, 0.375),
        (lambda targets, outputs: float(outputs.max()), 1.5, -0.5),
    ],
)
def test_metrics_and_what_is_lost_of_them(metric, expected, drop):
    model = np.float32([[1.0, 0.0], [0.0, 1.0]])
    file = np.float32([[1.0, 0.0], [1.5, 1.0]])
    targets = np.array([0, 1]) if metric in (None, "accuracy") else np.float32([[0, 0], [0, 0]])
    if metric == "mae" or hasattr(metric, "update_state"):
        targets = np.float32([[1, 0], [0, 1]]) - 0.5
    compare = measures.comparison({"output_0": model}, targets, metric)
    result = compare("output_0", file)
    assert result["largest_difference"] == 1.5
    assert result["relative_difference"] == 1.5
    assert result["agreement"] == 0.5
    assert result["metric"] == pytest.approx(expected)
    assert result["drop"] == pytest.approx(drop)


def test_wrong_metrics_are_refused():
    outputs = {"output_0": np.zeros((2, 2), "float32")}
    with pytest.raises(InputError, match="metric: got 'f1', expected accuracy or mae, a metric of"):
        measures.comparison(outputs, np.zeros(2), "f1")
    with pytest.raises(InputError, match="got a metric, but no targets"):
        measures.comparison(outputs, None, "accuracy")


def test_quantize_keeps_zeros_and_clusters():
    model = small()
    tfapps.prune(model, 0.5, steps=0)
    tfapps.cluster(model, 8)
    quantized = tfapps.quantize(model)
    quantized.compile("adam", LOSS)
    quantized.fit(ROWS, CLASSES, epochs=2, verbose=0)
    for before, after in zip(model.layers, quantized.layers, strict=True):
        kernel = after.kernel.numpy()
        np.testing.assert_array_equal(before.kernel.numpy() == 0, kernel == 0)
        assert len(np.unique(kernel)) <= 8
        assert np.abs(before.kernel.numpy() - kernel).max() > 0
    pruned = small()
    tfapps.prune(pruned, 0.5, steps=0)
    ranges = [tfapps.quantize(each).layers[0].kernel_range.low.shape for each in (model, pruned)]
    assert ranges == [(), (16,)]  # a range for each channel would split clusters
