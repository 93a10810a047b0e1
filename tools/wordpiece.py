"""Tables of texts with ids and places, for tokenizers in other languages.

python -m tools.wordpiece writes `clients/kotlin/data/`: two vocabularies that tfapps learned from
its samples (one without accents, as BERT's, and one with them), and for each the same 500 texts. A
place counts UTF-16 units, as strings of Kotlin, Java, Swift's NSString and JavaScript do.
"""

from __future__ import annotations

import csv
import random
import unicodedata
from pathlib import Path

from tfapps.text.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "clients" / "kotlin" / "data"
SAMPLES = ROOT / "tfapps" / "samples"
TEXTS, VOCABULARY, SEED = 500, 1500, 13
KINDS = {"stripped": True, "accented": False}  # whether accents are dropped

OTHERS = """Où est ma pièce? Ça coûte 12,50 € à l'hôtel.
ÄPFEL, Öl und Übermut: Straße, STRASSE, ẞ
İstanbul'da ılık bir çay içtim
Zażółć gęślą jaźń
Příliš žluťoučký kůň úpěl ďábelské ódy
Đặng Văn Lâm đá bóng ở Hà Nội
Ο Σίσυφος ΕΙΝΑΙ ΕΔΩ, πάντα ΟΔΥΣΣΕΥΣ
Съешь ещё этих мягких французских булок, да выпей чаю
Їжак їсть ґрунт і йогурт
שָׁלוֹם עוֹלָם, מה שלומך
مرحبا بالعالم؛ كيف حالُك؟
मेरा सामान कहाँ है? हिन्दी में बताइए।
আমার নাম কী? বাংলা
สวัสดีครับ นี่คือกล่องของฉัน
가나다 한국어 텍스트, 각 낱말
我的包裹在哪里？订单号12345。
東京タワーはどこですか。ガギグゲゴ ｶﾞｷﾞ
ﬁnd the ﬂoor, ｆｕｌｌ ｗｉｄｔｈ, ① ² ½ ℃ Ω Å
naïve café, nai\u0308ve cafe\u0301, e\u0301\u0302, q\u0307\u0323
a\u00a0b\u2003c\u2028d\u3000e\u200bf\u200dg\ufeffh
tabs\tand\r\nlines\x0band\x0cpages
bell\x07 null\x00 delete\x7f \ufffd bad \ue000 private
emoji 😀 👍🏽 👩‍👩‍👧 🇩🇪 ❤️ \U0001fae0 \u0378 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠀀𪚥
"quotes" ‘single’ “double” «guillemets» „low“ …—–‐ §¶† ¿¡
x+y=z <tag> a|b ~c ^d `e` $5 €5 £5 #hash @you _under_ %
[CLS] [SEP] [PAD] [UNK] [MASK] ##s ## # [
can't won't o'clock rock'n'roll e-mail co-operate 3.14 1,000 10:30 v1.2.3
ǅ ǈ ǋ Ǆ ŉ ǰ ΐ ΰ և ẖ ẗ ẘ ẙ ẚ
\u1100\u1161\u11a8 \u1112\u1161\u11ab\u1100\u1173\u11af 힣
J\u030c ǰ \u0130 I\u0307 i\u0307 ı I
\u0301start with an accent, \u0338 alone \u20dd
supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis"""


def utf16(text: str, place: int) -> int:
    """Return a place in characters as one in UTF-16 units."""
    return len(text[:place].encode("utf-16-le")) // 2


def escaped(text: str) -> str:
    """Return a text in printable ASCII without a backslash or tab, in escapes of UTF-16 units."""
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join(chr(c) if 32 <= c < 127 and c != 92 else f"\\u{c:04x}" for c in codes)


def sample_texts() -> list[str]:
    """Return sentences of the embedded data."""
    with (SAMPLES / "support_intents" / "train.tsv").open(encoding="utf-8", newline="") as rows:
        texts = [row["text"] for row in csv.DictReader(rows, delimiter="\t")]
    return sorted(set(texts))


def texts(seed: int = SEED) -> list[str]:
    """Return the texts of the tables: sentences, other scripts, edges, and random mixtures."""
    draw = random.Random(seed)
    lines = OTHERS.split("\n")
    words = [word for line in lines for word in line.split(" ")]
    chosen = ["", " ", "a", "x" * 100, "x" * 101, "ä" * 101, *lines]
    chosen += draw.sample(sample_texts(), 200)
    joints = ["", " ", "  ", "-", ", ", "\u00a0", "\u200b", "\t", "."]
    while len(chosen) < TEXTS:
        parts = draw.choices(words, k=draw.randint(1, 8))
        text = "".join(part + draw.choice(joints) for part in parts)
        if draw.random() < 0.3:
            text = draw.choice([str.upper, str.title, str.lower])(text)
        if draw.random() < 0.3:
            text = unicodedata.normalize(draw.choice(["NFC", "NFD"]), text)
        chosen.append(text)
    return chosen[:TEXTS]


def table(tokenizer: Tokenizer, rows: list[str]) -> str:
    """Return the lines of a table: a text, and `id:start-end` of each of its pieces."""
    lines = ["text\tpieces"]
    for text, ids in zip(rows, tokenizer.ids(rows), strict=True):
        spans = [(utf16(text, start), utf16(text, end)) for start, end in tokenizer.spans(text)]
        pieces = zip(ids.tolist(), spans, strict=bool(spans))  # an id for no piece has no place
        lines.append(f"{escaped(text)}\t{' '.join(f'{i}:{a}-{b}' for i, (a, b) in pieces)}")
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """Return the content of each file of the folder, by name."""
    learned = [*sample_texts(), *(OTHERS.split("\n")[:22] * 3)]
    content = {}
    for name, strips in KINDS.items():
        tokenizer = Tokenizer.train(learned, "wordpiece", VOCABULARY, True, 1, strips)
        content[f"{name}.vocab.txt"] = "".join(f"{piece}\n" for piece in tokenizer.pieces())
        content[f"{name}.tsv"] = table(tokenizer, texts())
    return content


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
