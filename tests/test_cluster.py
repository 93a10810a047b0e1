"""Clustering: k-means on kernels, and clusters that later steps preserve."""

import gzip
import io
import json
import os

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, scores, tiny_model
from running import TINY, on_two_devices

from tfapps.assembly.assemble import assemble
from tfapps.compress import cluster, qat
from tfapps.compress._constraints import Clusters, Mask, add, has_constraint
from tfapps.config import load as configs
from tfapps.config.sections import TrainConfig
from tfapps.errors import ConfigError, InputError
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.runs.outputs import outputs_of
from tfapps.stages import compress as stage
from tfapps.stages import train as training
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make

KERNELS = ("block_0_dense/kernel", "block_1_dense/kernel", "pooling_dense/kernel")


def fine_tuned(model, **train):
    """Fit on toy batches; AdamW by default."""
    fit(
        model,
        config=TrainConfig(**{"batch_size": 8, "learning_rate": 0.01, "epochs": 2, **train}),
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(),
        strategy=make("one_device"),
        evaluate=scores(0.1, 0.2),
        headline="accuracy",
        stream=io.StringIO(),
    )


def linear_model():
    """Like `tiny_model`, of a layer that can be quantized."""
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = keras.layers.Embedding(20, 16, name="embedding_tokens")(ids)
    x = Linear(24, activation="relu", name="block_0_dense")(x)
    x = Linear(16, name="block_1_dense")(x)
    logits = Linear(3, name="head_logits")(keras.ops.mean(x, axis=1))
    return keras.Model({"token_ids": ids, "padding_mask": mask}, logits)


def kernels(model, paths=KERNELS):
    weights_of = weights.variables(model)
    return {path: weights_of[path] for path in paths}


def distinct(weight):
    return len(np.unique(np.asarray(weight)))


def values(size, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype("float32")


def cost(of, centroids):
    """The objective of k-means: mean squared distance to the nearest centroid."""
    return float(np.min((of[:, None].astype("float64") - centroids) ** 2, axis=1).mean())


# Centroids


@pytest.mark.parametrize("count", [2, 16, 255])
def test_centroids_are_lloyds_from_the_toolkits_first(count):
    from sklearn.cluster import KMeans

    of = values(2000)
    first = cluster.first_centroids(of, count)
    centroids = cluster.fitted(of, count)
    assert cost(of, centroids) < cost(of, first)
    assert len(centroids) == count
    judge = KMeans(count, init=first[:, None].astype("float64"), n_init=1, tol=0, max_iter=300)
    judge.fit(of[:, None].astype("float64"))
    np.testing.assert_allclose(centroids, np.sort(judge.cluster_centers_[:, 0]), atol=1e-6)


def test_first_centroids_are_those_of_the_toolkit():
    before = dict(os.environ)
    of = values(500)
    actual = cluster.first_centroids(of, 8)
    assert dict(os.environ) == before
    import tensorflow as tf
    from tensorflow_model_optimization.python.core.clustering.keras import clustering_centroids

    toolkit = clustering_centroids.KmeansPlusPlusCentroidsInitialisation(tf.constant(of), 8)
    np.testing.assert_array_equal(actual, toolkit.get_cluster_centroids())


def test_each_weight_gets_the_nearest_centroid_and_that_is_the_mean_of_its_cluster():
    of = values((40, 50))
    clustered = cluster.clustered(of, 16)
    centroids = np.unique(clustered)
    assert clustered.shape == of.shape
    assert len(centroids) == 16
    nearest = np.abs(of[..., None].astype("float64") - centroids).min(-1)
    np.testing.assert_allclose(np.abs(of - clustered), nearest, atol=1e-7)
    for centroid in centroids:
        assert of[clustered == centroid].mean(dtype="float64") == pytest.approx(centroid, abs=1e-6)


@pytest.mark.parametrize("zeros", [True, False])
def test_a_weight_of_few_values_stays_as_it_is(zeros):
    of = np.random.default_rng(0).choice(np.float32([-2, -0.3, 0, 0.1, 7]), (30, 20))
    np.testing.assert_array_equal(cluster.clustered(of, 5, keep_zeros=zeros), of)


def test_zeros_are_a_cluster_of_their_own_where_they_are_to_be_kept():
    of = values(3000)
    of[np.abs(of) < 1] = 0
    clustered = cluster.clustered(of, 8, keep_zeros=True)
    np.testing.assert_array_equal(clustered == 0, of == 0)
    assert distinct(clustered) == 8
    assert 0 not in cluster.clustered(values(3000), 7, keep_zeros=True)


# What holds members together


def test_a_centroid_moves_by_the_mean_of_its_members_steps():
    start = cluster.clustered(values((30, 40)), 6)
    _, members = np.unique(start, return_inverse=True)
    members = members.reshape(start.shape)
    weight = keras.Variable(start)
    add(weight, Clusters(members))
    gradient = values((30, 40), seed=1)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    for number in range(6):
        here = members == number
        moved = start[here][0] - 0.1 * gradient[here].mean(dtype="float64")
        np.testing.assert_allclose(np.asarray(weight)[here], moved, rtol=0, atol=1e-6)
    assert distinct(weight) == 6


def test_without_steps_centroids_do_not_drift():
    start = np.full((300, 1000), 0.1, "float32")
    start[0, :7] = 1 / 3
    clusters = Clusters(np.unique(start, return_inverse=True)[1].reshape(start.shape))
    np.testing.assert_array_equal(clusters(clusters(start)), start)


def test_a_new_constraint_replaces_one_of_its_kind():
    weight = keras.Variable(np.float32([1, 2, 5]))
    for members in ([0, 0, 1], [0, 1, 1]):
        add(weight, Clusters(np.array(members)))
    np.testing.assert_array_equal(weight.constraint(weight), [1, 3.5, 3.5])


def test_fine_tuning_with_weight_decay_keeps_the_number_of_values():
    model, count = tiny_model(), 5
    config = cluster.Config(clusters=count)
    loose = np.asarray(weights.variables(model)["head_logits/kernel"])
    cluster.begin(config, model, [])
    before = {path: np.asarray(weight) for path, weight in kernels(model).items()}
    np.testing.assert_array_equal(weights.variables(model)["head_logits/kernel"], loose)
    fine_tuned(model, weight_decay=0.1)
    for path, weight in kernels(model).items():
        assert distinct(before[path]) == count
        assert distinct(weight) <= count
        assert np.abs(np.asarray(weight) - before[path]).max() > 1e-3
    report = cluster.report(config, model)
    assert report["distinct"] <= count
    assert report["bytes"] == 4 * 3 * 36
    assert 0 < report["gzip_bytes"] < report["bytes"]


def test_the_file_of_clustered_weights_packs_better(tmp_path):
    model = linear_model()
    sizes = []
    for name in ("float", "clustered"):
        weights.save(model, tmp_path / name)
        sizes.append(len(gzip.compress((tmp_path / name).read_bytes())))
        cluster.begin(cluster.Config(clusters=16, include=("*",), exclude=()), model, [])
    assert sizes[1] < 0.6 * sizes[0]


# Steps before and after


def sparse(model):
    """Zero the smaller half of each kernel and hold the zeros, as pruning does."""
    for weight in kernels(model, KERNELS[:2]).values():
        value = np.asarray(weight)
        mask = np.abs(value) >= np.median(np.abs(value))
        weight.assign(value * mask)
        add(weight, Mask(keras.Variable(mask, dtype="bool", trainable=False)))


def test_pruning_then_clustering_then_quantization_keeps_zeros_and_clusters():
    model = linear_model()
    sparse(model)
    zeros = {p: np.asarray(w) == 0 for p, w in kernels(model, KERNELS[:2]).items()}
    config = cluster.Config(clusters=8)
    cluster.begin(config, model, [])
    fine_tuned(model)
    for path, weight in kernels(model, KERNELS[:2]).items():
        np.testing.assert_array_equal(np.asarray(weight) == 0, zeros[path])
        assert distinct(weight) == 8

    quantized_model = quantized(model, config)
    for weight in kernels(quantized_model, KERNELS[:2]).values():
        add(weight, Mask(np.asarray(weight) != 0))
    fine_tuned(quantized_model)
    qat.finish(qat.Config(), quantized_model)
    for path, baked in baked_kernels(quantized_model).items():
        assert np.all(baked[zeros[path]] == 0)
        assert 2 < distinct(baked) <= 8


def test_quantization_keeps_clusters():
    model = linear_model()
    config = cluster.Config(clusters=5)
    cluster.begin(config, model, [])
    quantized_model = quantized(model, config)
    before = {
        path: np.asarray(weight) for path, weight in kernels(quantized_model, KERNELS[:2]).items()
    }
    fine_tuned(quantized_model)
    qat.finish(qat.Config(), quantized_model)
    for path, baked in baked_kernels(quantized_model).items():
        weight = kernels(quantized_model, KERNELS[:2])[path]
        assert np.abs(np.asarray(weight) - before[path]).max() > 1e-4
        assert distinct(weight) == 5
        assert 2 < distinct(baked) <= 5


def quantized(model, config):
    """The model rebuilt for quantization as the stage does it after clustering."""

    class Job:
        pass

    job = Job()
    job.model = model
    assert has_constraint(model, Clusters)
    plan = qat.plan(qat.Config(), job)
    assert plan["per_channel"] is False
    result = qat.build(qat.Config(), model, plan)
    assert not has_constraint(result, Clusters)
    cluster.hold(config, result)
    batch = next(iter(FakeBatches().epoch(0)))
    qat.begin(qat.Config(), result, [batch])
    return result


def baked_kernels(model):
    layers = [model.get_layer(path.split("/")[0]) for path in KERNELS[:2]]
    return {f"{x.name}/kernel": np.asarray(x.kernel_range(x.kernel)) for x in layers}


def test_without_a_mask_zeros_are_clustered_like_other_weights():
    model = tiny_model()
    weight = kernels(model)[KERNELS[0]]
    weight.assign(np.where(np.arange(36).reshape(6, 6) == 5, 0, np.asarray(weight)))
    cluster.begin(cluster.Config(clusters=2), model, [])
    assert 0 not in np.asarray(weight)


# Configs


def test_patterns_choose_the_weights():
    model = tiny_model()
    config = cluster.Config(clusters=4, include=("embedding*", "block_*"), exclude=("block_1*",))
    cluster.begin(config, model, [])
    by_path = weights.variables(model)
    few = {path for path, w in by_path.items() if len(w.shape) == 2 and distinct(w) <= 4}
    assert few == {"embedding_tokens/embeddings", KERNELS[0]}
    with pytest.raises(
        InputError, match=r"cluster.include: 'block_9\*' matches no weight; .*block_0"
    ):
        cluster.begin(cluster.Config(include=("block_9*",)), model, [])
    with pytest.raises(
        InputError, match=r"cluster: no weight is selected; .* exclude is \['block_0\*'\]"
    ):
        cluster.begin(cluster.Config(include=("block_0*",), exclude=("block_0*",)), model, [])


@pytest.mark.parametrize(
    ("compress", "text"),
    [
        ([{"name": "cluster", "clusters": 1}], "got 1 .*expected int >= 2 and <= 256"),
        ([{"name": "cluster", "clusters": 257}], "got 257 .*expected int >= 2 and <= 256"),
        ([{"name": "qat"}, {"name": "cluster"}], r"cluster cannot come after qat .*cluster first"),
    ],
)
def test_a_wrong_config_is_refused(compress, text):
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": {"name": "bert", "size": "tiny"},
    }
    with pytest.raises(ConfigError, match=text):
        configs.from_dict({**raw, "compress": compress}, "run")


# Whole runs


def test_a_reopened_bundle_answers_the_same(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFAPPS_DATA", str(workplace))
    steps = "compress: [{name: cluster, clusters: 6, epochs: 1}]\n"
    (workplace / "clustered.yaml").write_text(TINY + steps, encoding="utf-8")
    built = []
    write = training.write_model
    monkeypatch.setattr(
        training,
        "write_model",
        lambda draft, prepared, model, *more, **named: (
            built.append((prepared, model)),
            write(draft, prepared, model, *more, **named),
        ),
    )
    config = configs.load(workplace / "clustered.yaml")
    bundle = stage.compress(config)
    ((prepared, model),) = built
    again = assemble(
        config,
        prepared.task,
        vocabulary_size=prepared.tokenizer.vocabulary_size,
        compression=bundle.compression,
        weights_file=bundle.weights,
    )
    np.testing.assert_array_equal(
        outputs_of(prepared, again, "dev"), outputs_of(prepared, model, "dev")
    )
    report = json.loads((bundle.path / "metrics.json").read_text())["compression"][0]["report"]
    assert report["distinct"] <= 6
    assert report["gzip_bytes"] < 0.25 * report["bytes"]


PROGRAM = """
import json
import numpy as np, tensorflow as tf
import io
import keras
from fitting import FakeBatches, Task, scores, tiny_model
from tfapps.compress import cluster
from tfapps.config.sections import TrainConfig
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make

out = {}
for name in ("one_device", "mirrored"):
    keras.utils.set_random_seed(1)
    strategy = make(name)
    with strategy.scope():
        model = tiny_model()
        cluster.begin(cluster.Config(clusters=5), model, [])
    fit(
        model,
        config=TrainConfig(batch_size=8, learning_rate=0.01, epochs=2, weight_decay=0.1),
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(),
        strategy=strategy,
        evaluate=scores(0.1, 0.2),
        headline="accuracy",
        stream=io.StringIO(),
    )
    constrained = [v for v in model.weights if v.constraint is not None]
    copies = [
        [copy.numpy() for copy in strategy.experimental_local_results(v.value)] for v in constrained
    ]
    out[name] = {
        "replicas": strategy.num_replicas_in_sync,
        "apart": float(max(np.ptp(each, 0).max() for each in copies)),
        "distinct": [len(np.unique(each)) for each in copies],
        "weights": [each[0].tolist() for each in copies],
    }
print(json.dumps(out))
"""


def test_two_replicas_stay_alike_and_equal_one_device():
    actual = on_two_devices(PROGRAM)
    one, two = actual["one_device"], actual["mirrored"]
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert two["apart"] == 0
    assert two["distinct"] == [5, 5, 5]
    np.testing.assert_allclose(two["weights"], one["weights"], rtol=0, atol=1e-5)
