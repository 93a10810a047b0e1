"""Unfinished work belongs to one config and one set of data, and waits for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfapps.runs import unfinished
from tfapps.train.checkpoint import State


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checkpoint(fingerprint, stage="train", more="", vocabulary="0f"):
    config = SimpleNamespace(name="run", train=SimpleNamespace(checkpoint_every=0))
    prepared = SimpleNamespace(
        config=config, fingerprint=fingerprint, text_files={"text/tokenizer.json": vocabulary}
    )
    return unfinished.checkpoint(prepared, stage, more)


def saved(checkpoint, value):
    checkpoint.save(State({"weight": np.float32([value])}, {}))
    return checkpoint


def value(checkpoint):
    state = checkpoint.load()
    return None if state is None else float(state.arrays["weight"][0])


def test_another_config_neither_resumes_nor_overwrites_nor_deletes_a_state(capsys):
    first = saved(checkpoint("one config"), 1.0)
    second = checkpoint("another config")
    assert value(second) is None
    saved(second, 2.0)
    assert value(checkpoint("one config")) == 1.0
    unfinished.report_others("run", [second])
    printed = capsys.readouterr().out
    assert (
        f"kept in saved_models/.run.state ({first.folder.name}); run that config again" in printed
    )
    unfinished.clear("run", [second])
    assert (value(first), value(second)) == (1.0, None)
    unfinished.report_others("run", [first])
    assert capsys.readouterr().out == ""
    unfinished.clear("run", [first])
    assert not first.folder.parent.exists()


def test_weights_of_another_vocabulary_are_not_resumed():
    """The same config and data may give another vocabulary in another version."""
    first = saved(checkpoint("config"), 1.0)
    assert value(checkpoint("config", vocabulary="1e")) is None
    assert value(first) == 1.0


def test_each_item_of_a_compression_has_its_own_checkpoint():
    items = [saved(checkpoint("config", "0_prune_fit", more), 1.0) for more in ("0.5", "0.9")]
    assert items[0].folder != items[1].folder
    assert [value(item) for item in items] == [1.0, 1.0]


def test_a_run_without_unfinished_work_has_nothing_to_report_or_clear(capsys):
    unfinished.report_others("run", [checkpoint("config")])
    unfinished.clear("run", [checkpoint("config")])
    assert capsys.readouterr().out == ""
