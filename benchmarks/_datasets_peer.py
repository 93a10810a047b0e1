"""The peer of pipeline.py: Hugging Face datasets and tokenizers, batches by PyTorch's DataLoader.

argv[1] is a JSON object of settings; a job is all rows tokenized, or an epoch of batches. Prints
one JSON line for every job.
"""

import json
import os
import sys
import time
from pathlib import Path

settings = json.loads(sys.argv[1])
os.environ["RAYON_NUM_THREADS"] = str(settings["threads"])

import datasets  # noqa: E402  the threads are set before its tokenizers start
import torch  # noqa: E402
import transformers  # noqa: E402


def main():
    torch.set_num_threads(settings["threads"])
    datasets.disable_progress_bars()
    rows = json.loads(Path(settings["data"]).read_text(encoding="utf-8"))
    dataset = datasets.Dataset.from_list([{**row, "label": int(row["label"])} for row in rows])
    tokenizer = transformers.AutoTokenizer.from_pretrained(settings["folder"], use_fast=True)

    def tokenize():
        def encode(batch):
            return tokenizer(batch["text"], truncation=True, max_length=settings["length"])

        options = {"keep_in_memory": True, "load_from_cache_file": False, "batched": True}
        return dataset.map(encode, remove_columns=["text"], **options)

    if settings["job"] == "epoch":
        loader = torch.utils.data.DataLoader(
            tokenize(),
            batch_size=settings["batch"],
            shuffle=True,
            collate_fn=transformers.DataCollatorWithPadding(tokenizer),
        )
    job = tokenize if settings["job"] == "tokenize" else lambda: sum(1 for _ in loader)
    versions = {"datasets": datasets.__version__, "transformers": transformers.__version__}
    print(json.dumps(versions), flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        job()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps(spent), flush=True)


main()
