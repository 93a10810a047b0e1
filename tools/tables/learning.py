"""Tables of training methods, pre-training and explanations."""

from __future__ import annotations

from collections.abc import Callable

from tools.tables.markdown import read, table


def accuracy(name: str, artifact: str = "keras") -> str:
    """Return the accuracy of a run by a shipped config."""
    return f"{read('configs')[name]['artifacts'][artifact]['accuracy']:.3f}"


def listed(variant: str) -> str:
    """Return the accuracy of all runs of a variant: seeds, or members of an ensemble."""
    return ", ".join(f"{value:.3f}" for value in read("variants")[variant]["accuracy"].values())


def attacked(variant: str, epsilon: str = "0.03") -> str:
    """Return the accuracy of a variant under attack."""
    return f"{read('variants')[variant]['accuracy'][epsilon]:.3f}"


def methods() -> str:
    """Return the table of training methods, each beside what it is compared with."""
    bert, banking = "intents_bert_banking77", "`banking77/dev.csv`"
    sst2, bank = "sentiment_bert_sst2", "sentiment_bert_phrasebank"
    rows = [
        (f"`{bert}_lora`", banking, accuracy(f"{bert}_lora"), _plain(bert)),
        *(
            (f"`{bert}_{tuner}`", banking, accuracy(f"{bert}_{tuner}"), "")
            for tuner in ("adalora", "adapter", "bitfit", "prefix")
        ),
        (
            f"`{sst2}_fgm`, seeds 13, 14, 15",
            "`sst2/dev.tsv`",
            f"{accuracy(f'{sst2}_fgm')}, {listed('sst2_fgm')}",
            f"{accuracy(sst2)}, {listed('sst2_plain')}, plain (`{sst2}`)",
        ),
        (
            "the same, 200 texts at their worst-case neighbours within 0.03",
            "`sst2/dev.tsv`",
            attacked("sst2_fgm_attacked"),
            f"{attacked('sst2_plain_attacked')}, plain",
        ),
        (
            f"`{bank}` with `objective.name=fgm objective.epsilon=0.01`, the same seeds",
            "`financial_phrasebank/dev.tsv`",
            listed("phrasebank_fgm"),
            f"{accuracy(bank)}, {listed('phrasebank_plain')}, plain",
        ),
        (
            "the same, 200 texts within 0.03",
            "`financial_phrasebank/dev.tsv`",
            attacked("phrasebank_fgm_attacked"),
            f"{attacked('phrasebank_plain_attacked')}, plain",
        ),
        *_students(),
        *_ensembles(),
        *_shots(),
    ]
    return table(("run", "evaluated on", "accuracy:", "compared with"), rows)


def _plain(name: str) -> str:
    return f"{accuracy(name)}, all weights trained (`{name}`)"


def _students() -> list[tuple[str, ...]]:
    alone, teacher = accuracy("sentiment_bilstm_sst2"), accuracy("sentiment_bert_sst2")
    return [
        (
            "`sentiment_bilstm_sst2_distilled`, a BiLSTM",
            "`sst2/dev.tsv`",
            accuracy("sentiment_bilstm_sst2_distilled"),
            f"{alone} alone (`sentiment_bilstm_sst2`), its teacher {teacher}",
        ),
        (
            "`intents_bert2_banking77_distilled`, 2 of 6 layers",
            "`banking77/dev.csv`",
            accuracy("intents_bert2_banking77_distilled"),
            f"{accuracy('intents_bert_banking77')}, its teacher",
        ),
    ]


def _ensembles() -> list[tuple[str, ...]]:
    name = "intents_bert_banking77"
    stack, soup = f"{name}_stacking", f"{name}_soup"
    start = f"{accuracy(name)}, the run they start from"
    return [
        (
            f"`{stack}`",
            "`banking77/dev.csv`",
            accuracy(stack),
            f"{listed('stacking_members')}, its members",
        ),
        (
            f"`{soup}`",
            "`banking77/dev.csv`",
            accuracy(soup),
            f"{listed('soup_members')}, its members; {start}",
        ),
    ]


def _shots() -> list[tuple[str, ...]]:
    ten, none = "intents_bert_banking77_10shot", "intents_bert_banking77_zeroshot"
    sixteen, every = "topics_bert_agnews_16shot", "topics_bert_agnews"
    return [
        (f"`{ten}`, 10 examples a label", "`banking77/dev.csv`", accuracy(ten), ""),
        (f"`{none}`, the names of the labels", "`banking77/dev.csv`", accuracy(none), ""),
        (
            f"`{sixteen}`, 16 examples a label",
            "`ag_news/dev.tsv`",
            accuracy(sixteen),
            f"{accuracy(every)}, all of them (`{every}`)",
        ),
    ]


def shots() -> str:
    """Return the table of training with few examples, by file."""
    names = ("intents_bert_banking77_10shot", "intents_bert_banking77_zeroshot")
    files = ("keras", "litert_dynamic", "litert_int8")
    rows = [
        (f"`{name}`", f"`{read('configs')[name]['split']}`", *(accuracy(name, f) for f in files))
        for name in (*names, "topics_bert_agnews_16shot")
    ]
    return table(("run", "evaluated on", *(f"{file}:" for file in files)), rows)


def _curve(points: list[dict], unit: str) -> str:
    rows = [
        (
            f"{point[unit]:,}" if isinstance(point[unit], int) else point[unit],
            f"{point['accuracy']:.3f}",
            str(point["perplexity"]),
        )
        for point in points
    ]
    return table((f"{unit}s:" if unit == "epoch" else f"{unit}:", "accuracy:", "perplexity:"), rows)


def pretrained(name: str) -> Callable[[], str]:
    """Return the function that makes the table of a pre-training by its steps."""
    return lambda: _curve(read("variants")[name]["curve"], "step")


def novels() -> str:
    """Return the table of a new head beside a frozen encoder."""
    return _curve(read("variants")["novels_head_alone"]["curve"], "epoch")


def gains() -> str:
    """Return the table of what pre-training on Wikipedia gains."""
    mini = "intents_bertmini_banking77"
    rows = [
        _gain("banking77, 10 a class (770 questions)", "banking77_10shot_mini", 1),
        _gain("sst2, 250 a class (500 sentences)", "sst2_250shot_mini", 1),
        _gain("sst2, 6,920 sentences", "sst2_mini", 2),
        (
            "sst2, also pre-trained on the 6,920 sentences without labels",
            "",
            _range("sst2_mini_reviews", "**"),
            "2",
            str(read("variants")["sst2_mini_reviews"]["seeds"]),
        ),
        ("banking77, 9,003 questions", accuracy(mini), accuracy(f"{mini}_pretrained"), "1", "1"),
        (
            "banking77, also pre-trained on the 9,003 questions",
            "",
            f"{read('variants')['banking77_mini_questions']['accuracy']:.3f}",
            "2",
            "1",
        ),
    ]
    return table(("data", "no pre-training:", "after enwiki:", "epochs of enwiki:", "seeds:"), rows)


def _range(variant: str, bold: str = "") -> str:
    figures = read("variants")[variant]
    lowest, highest = figures["lowest"], figures["highest"]
    return f"{bold}{figures['accuracy']:.3f}{bold} ({lowest:.3f} to {highest:.3f})"


def _gain(title: str, variant: str, epochs: int) -> tuple[str, ...]:
    after = f"{variant}_enwiki"
    number = str(read("variants")[after]["seeds"])
    return title, _range(variant), _range(after, "**"), str(epochs), number


def faithfulness() -> str:
    """Return the table of how faithful explanations are."""
    rows = [
        (
            name if name == "random scores" else f"`{name}`",
            f"{figures['deletion']:.3f}",
            f"{figures['insertion']:.3f}",
        )
        for name, figures in read("variants")["sample_faithfulness"]["methods"].items()
    ]
    titles = ("method", "deletion, lower is better:", "insertion, higher is better:")
    return table(titles, rows)


TABLES = {
    "methods": methods,
    "shots": shots,
    "enwiki": pretrained("enwiki_by_step"),
    "zhwiki": pretrained("zhwiki_by_step"),
    "novels": novels,
    "gains": gains,
    "faithfulness": faithfulness,
}
