"""What a person sees: TensorBoard files read back, and the lines and the bar of a fit."""

import io
import re
import struct
import zlib
from types import MappingProxyType

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, scores, tiny_model
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins.custom_scalar import layout_pb2, metadata
from tensorboard.plugins.hparams import plugin_data_pb2

from tfapps.config.sections import TrainConfig
from tfapps.graph.weights import variables
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.progress import Progress, line
from tfapps.train.strategy import make
from tfapps.train.tensorboard import by_layers


def png():
    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" + bytes([255, 0, 0, 0, 255, 0]))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def run(evaluate, stream=None, train=MappingProxyType({}), **more):
    keras.utils.set_random_seed(1)
    return fit(
        tiny_model(),
        config=TrainConfig(epochs=2, batch_size=8, learning_rate=0.01, log_every=2, **train),
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(),
        strategy=make("one_device"),
        evaluate=evaluate,
        headline="accuracy",
        stream=stream or io.StringIO(),
        **more,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    values = [0.25, 0.75]

    def evaluate():
        metrics = {"accuracy": values.pop(0)}
        return Evaluation(metrics, {"confusion": png()}, {"mistakes": "| a |"}, loss=0.5)

    histograms = {"histograms": True}
    history = run(
        evaluate,
        train=histograms,
        log_dir=folder,
        hparams={"rate": 0.01, "name": "bert", "export": ["a"]},
    )
    events = EventAccumulator(str(folder), {"tensors": 0, "images": 0})
    events.Reload()
    return history, events


def numbers(events, tag):
    tensors = events.Tensors(tag)
    from tensorboard.util.tensor_util import make_ndarray

    return [(e.step, float(make_ndarray(e.tensor_proto))) for e in tensors]


def test_curves_have_a_point_every_log_every_steps(written):
    history, events = written
    loss = numbers(events, "train/loss")
    assert [step for step, _ in loss] == [2, 4, 5, 7, 9, 10]
    first = [value for _, value in loss[:3]]
    assert (2 * first[0] + 2 * first[1] + first[2]) / 5 == pytest.approx(history.records[0].loss)
    rates = numbers(events, "train/learning_rate")
    assert rates[-1][1] == pytest.approx(history.records[-1].learning_rate)
    assert all(value > 0 for _, value in numbers(events, "train/gradient_norm"))
    assert all(value > 0 for _, value in numbers(events, "train/examples_per_second"))


def test_metrics_pictures_and_texts_come_every_epoch(written):
    _, events = written
    assert numbers(events, "dev/accuracy") == [(5, 0.25), (10, 0.75)]
    assert [e.step for e in events.Tensors("dev/confusion")] == [5, 10]
    assert events.Tensors("dev/confusion")[0].tensor_proto.string_val[2] == png_of(events)
    assert events.Tensors("dev/mistakes")[0].tensor_proto.string_val == [b"| a |"]


def png_of(events):
    data = events.Tensors("dev/confusion")[0].tensor_proto.string_val
    assert data[:2] == [b"2", b"1"]
    assert data[2].startswith(b"\x89PNG")
    return data[2]


def test_the_loss_of_dev_is_in_one_chart_with_that_of_train(written):
    _, events = written
    assert numbers(events, "dev/loss") == [(5, 0.5), (10, 0.5)]
    (content,) = events.Tensors(metadata.CONFIG_SUMMARY_TAG)[0].tensor_proto.string_val
    layout = layout_pb2.Layout.FromString(content)
    assert list(layout.category[0].chart[0].multiline.tag) == ["train/loss", "dev/loss"]


def test_histograms_are_written_of_every_weight_if_asked_for(written, tmp_path):
    _, events = written
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith("weights/")]
    assert sorted(tags) == sorted(f"weights/{path}" for path in variables(tiny_model()))
    assert [event.step for event in events.Tensors(tags[0])] == [5, 10]
    run(scores(0.1, 0.2), log_dir=tmp_path)
    plain = EventAccumulator(str(tmp_path), {"tensors": 0})
    plain.Reload()
    assert not [tag for tag in plain.Tags()["tensors"] if tag.startswith("weights/")]
    assert "dev/loss" not in plain.Tags()["tensors"]


def test_the_graph_opens_as_the_layers_of_the_model(written):
    _, events = written
    scopes = {node.name.partition("/")[0] for node in events.Graph().node if "/" in node.name}
    # The tiny model has operations outside of its layers.
    outside = {name for name in scopes if name.startswith("functional_")}
    assert scopes - outside <= {layer.name for layer in tiny_model().layers}
    assert {"embedding_tokens", "head_logits"} <= scopes


def test_operations_are_named_by_their_layer_and_edges_follow():
    graph = graph_pb2.GraphDef()
    for name, inputs in {
        "batch": [],
        "m_1/head_1/MatMul": ["batch"],
        "m_1/head_2/MatMul": ["m_1/head_1/MatMul:1", "^m_1/head_1/MatMul"],
        "m_1/odd/Add": ["m_1/head_2/MatMul"],
    }.items():
        graph.node.add(name=name).input.extend(inputs)
    by_layers(graph, "m", ["head"])
    assert [(node.name, list(node.input)) for node in graph.node] == [
        ("batch", []),
        ("head/MatMul", ["batch"]),
        ("m_1/head_2/MatMul", ["head/MatMul:1", "^head/MatMul"]),
        ("m_1/odd/Add", ["m_1/head_2/MatMul"]),
    ]


def test_hyper_parameters_are_written_with_the_headline(written):
    _, events = written
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["rate"].number_value == 0.01
    assert start.hparams["name"].string_value == "bert"
    assert start.hparams["export"].string_value == "['a']"
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    assert [info.name.tag for info in experiment.metric_infos] == ["dev/accuracy"]


def test_speed_is_printed_in_the_unit_of_the_task(tmp_path):
    stream = io.StringIO()
    history = run(scores(0.1, 0.2), stream, log_dir=tmp_path, unit="tokens")
    assert all(re.search(r"  \d+ tokens/s  ", line) for line in stream.getvalue().splitlines())
    events = EventAccumulator(str(tmp_path), {"tensors": 0})
    events.Reload()
    assert len(numbers(events, "train/tokens_per_second")) == 6
    assert "train/examples_per_second" not in events.Tags()["tensors"]
    figures = history.records[0].figures()
    assert figures["tokens_per_second"] == history.records[0].per_second
    assert not {"unit", "per_second", "examples_per_second"} & set(figures)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_progress_line_has_a_fixed_format():
    text = line(
        2, 4, loss=0.4123, metrics={"accuracy": 0.901}, learning_rate=3.1e-5,
        per_second=214.2, seconds=62.7, unit="examples",
    )  # fmt: skip
    assert text == "epoch 2/4  loss 0.412  accuracy 0.901  lr 3.1e-05  214 examples/s  63 s"


def test_a_file_gets_one_plain_line_an_epoch_and_no_folder_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    run(scores(0.125, 0.25), stream)
    assert list(tmp_path.iterdir()) == []
    first, second = stream.getvalue().splitlines()
    assert first.startswith("epoch 1/2  loss ")
    assert "  accuracy 0.125  lr " in first
    assert second.startswith("epoch 2/2  loss ")
    assert "\r" not in stream.getvalue()


def test_evaluations_within_an_epoch_are_lines_above_the_bar_and_points_of_the_curve(tmp_path):
    stream = Terminal()
    run(scores(0.1, 0.2, 0.3, 0.4, 0.5), stream, {"evaluate_every": 3}, log_dir=tmp_path)
    assert "\repoch 1/2:   0%|" in stream.getvalue()
    lines = re.findall(r"\repoch ([\d.]+)/2  loss .*\n", stream.getvalue())
    assert lines == ["0.6", "1", "1.2", "1.8", "2"]
    events = EventAccumulator(str(tmp_path), {"tensors": 0})
    events.Reload()
    assert [step for step, _ in numbers(events, "dev/accuracy")] == [3, 5, 6, 9, 10]
    assert [step for step, _ in numbers(events, "train/loss")] == [2, 3, 5, 6, 8, 9, 10]


def test_a_bar_shows_the_time_left_and_the_figures():
    stream = Terminal()
    progress = Progress(3, 4, "tokens", stream)
    progress.start(2)
    for _ in range(2):
        progress.step()
    progress.figures(0.5, 12.0)
    progress.close()
    assert "2/4 [" in stream.getvalue()
    assert "<" in stream.getvalue()
    assert "loss 0.500, 12 tokens/s" in stream.getvalue()


def test_the_progress_bar_is_removed_when_a_fit_fails():
    stream = Terminal()

    def broken():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run(broken, stream)
    assert np.array(stream.getvalue().split("\r"))[-1].strip() == ""
