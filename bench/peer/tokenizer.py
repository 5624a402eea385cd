"""Encoding by the tokenizers library, text by text on one thread."""
import hashlib
import json
import os
import struct
import time

import tokenizers

from protocol import serve


def load(directory):
    whole = os.path.join(directory, "tokenizer.json")
    if os.path.exists(whole):
        return tokenizers.Tokenizer.from_file(whole)
    gpt2 = tokenizers.ByteLevelBPETokenizer(os.path.join(directory, "vocab.json"), os.path.join(directory, "merges.txt"))
    return gpt2._tokenizer


def prepare(args):
    tokenizer = load(args["dir"])
    tokenizer.no_truncation()  # which a published file may ask for
    tokenizer.no_padding()
    with open(args["texts"], encoding="utf-8") as f:
        texts = json.load(f)
    size = sum(len(t.encode()) for t in texts)

    def run(_case):
        began = time.perf_counter()
        lists = [tokenizer.encode(t).ids for t in texts]
        seconds = time.perf_counter() - began
        digest = hashlib.sha256()
        for ids in lists:
            digest.update(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids))
        return {"seconds": seconds, "work": size, "check": digest.hexdigest()}

    return f"tokenizers {tokenizers.__version__}", run


serve(prepare)
