#!/usr/bin/env python3
"""Holds the GGUF files that cultivar writes against llama.cpp, the engine they are for.

usage: llamacpp.py --bin ./cultivar --node DIR [--cases GOLDENS] [--families DIR] [--gguf FILE ...] [--case NAME ...]

DIR is where `npm install node-llama-cpp` ran (it ships llama.cpp built for the usual machines; no
compiler is needed). Without --cases the base that the program carries is tried, from
internal/embedded/base. For each case:

- the base as GGUF, experts of MXFP4 widened and as they are: the same greedy tokens there and in
  `cultivar generate`, the same ids of texts;
- the base with the adapter as GGUF, and the two merged: the same greedy tokens again;
- the tiny models of every family (--families, trainer/model/testdata) in the same way, those that
  llama.cpp would compute otherwise being refused;
- files that others made (--gguf): the same greedy tokens, and a copy that is the file to the byte.

Weights are float32 and so are llama.cpp's caches; the two still sum in other orders, so a greedy token
may differ where two are within rounding. That has not been seen on these cases.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOKENS = 16

# What the other side does not do, and why the case is left out there.
SKIP = {
    ("mistral-window", "greedy"): "llama.cpp has no window in Mistral's architecture",
    ("qwen2", "lora"): "llama.cpp knows no DoRA",
    ("mistral", "greedy"): "llama.cpp has no window in Mistral's architecture",
    ("mixtral", "greedy"): "llama.cpp has no window in Mixtral's architecture",
    ("phi3-v4", "greedy"): "llama.cpp has no window in Phi's architecture",
    ("phi4-mini", "greedy"): "llama.cpp takes longrope's factors by its context",
}

# Families of which llama.cpp would compute something else, and words of the error that says so.
REFUSED = {
    "exaone4": "head_dim",
    "gemma3": "another order of layers",
    "gemma3-mm": "another order of layers",
    "llama-dynamic": "rope_type dynamic",
    "llama-linear": "hidden_act",
    "llama-yarn": "truncate false",
    "olmo2": "no biases",
    "qwen2-window": "use_sliding_window",
    "qwen3-window": "use_sliding_window",
    "qwen3moe": "norm_topk_prob",
    "qwen3moe-experts": "layers without experts",
    "qwen3moe-window": "use_sliding_window",
    "smollm3": "use_sliding_window",
    # Hybrid families are not written as GGUF.
    **dict.fromkeys(["granite4", "granite4-dense", "lfm2", "lfm2-v4", "lfm2moe", "qwen35", "qwen35-mm",
                     "qwen35moe-mm", "qwen3next", "qwen3next-v4"], "no form in GGUF"),
}


def cultivar(a, *args):
    p = subprocess.run([a.bin, *map(str, args)], capture_output=True, text=True, timeout=300)
    if p.returncode != 0:
        raise RuntimeError(f"cultivar {' '.join(map(str, args[:2]))}: {p.stderr.strip()}")
    return p.stdout


def ours(a, base, prompt, adapter=None):
    more = ["--adapter", adapter] if adapter else []
    return json.loads(cultivar(a, "generate", "--base", base, *more, "--prompt-ids", ",".join(map(str, prompt)), "--max-new-tokens", TOKENS,
                               "--temperature", 0, "--ignore-eos", "--json"))["ids"]


class Engine:
    """llama.cpp in a process of its own, a request a line."""

    def __init__(self, node):
        self.p = subprocess.Popen(["node", HERE / "llamacpp.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "NODE_LLAMA_CPP": str(pathlib.Path(node).resolve())})

    def ask(self, **request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        for line in self.p.stdout:  # the engine prints warnings of its own
            if line.startswith("{"):
                reply = json.loads(line)
                if "error" in reply:
                    raise RuntimeError(reply["error"])
                return reply
        raise RuntimeError("llama.cpp ended")


def sayable(text):
    """llama.cpp normalises nothing, and its binding ends a text at a zero byte."""
    return "\0" not in text and unicodedata.normalize("NFC", text) == text


def try_base(a, engine, check, name, base, prompt, texts, adapter):
    with tempfile.TemporaryDirectory() as tmp:
        model = f"{tmp}/base.gguf"
        cultivar(a, "export", "--format", "merged-gguf", "--outtype", "f32", "--base", base, "--out", model)
        texts = [t for t in texts if sayable(t)]
        reply = engine.ask(model=model, prompt_ids=prompt, n=TOKENS, texts=texts)
        check(name, "greedy", reply["ids"], ours(a, base, prompt))
        check(name, "read back", ours(a, model, prompt), ours(a, base, prompt))
        for text, ids in zip(texts, reply["tokens"]):
            p = subprocess.run([a.bin, "tokenize", "--base", base, "--no-special", "--json"], input=json.dumps(text), capture_output=True, text=True, check=True)
            check(name, f"tokens of {text[:20]!r}", ids, json.loads(p.stdout))
        check(name, "template", reply["templated"], (pathlib.Path(base) / "chat_template.jinja").exists())
        if "mxfp4" in (pathlib.Path(base) / "config.json").read_text():
            cultivar(a, "export", "--format", "merged-gguf", "--base", base, "--out", f"{tmp}/packed.gguf")
            check(name, "packed", engine.ask(model=f"{tmp}/packed.gguf", prompt_ids=prompt, n=TOKENS)["ids"], ours(a, base, prompt))
        if not adapter:
            return
        cultivar(a, "export", adapter, "--format", "merged-gguf", "--outtype", "f32", "--base", base, "--out", f"{tmp}/merged.gguf")
        want = ours(a, base, prompt, adapter)
        if (name, "greedy") not in SKIP:
            check(name, "merged", engine.ask(model=f"{tmp}/merged.gguf", prompt_ids=prompt, n=TOKENS)["ids"], want)
        if (name, "lora") in SKIP or (name, "greedy") in SKIP:
            return
        cultivar(a, "export", adapter, "--format", "gguf", "--base", base, "--out", f"{tmp}/lora.gguf")
        check(name, "lora", engine.ask(model=model, lora=f"{tmp}/lora.gguf", prompt_ids=prompt, n=TOKENS)["ids"], want)


def try_family(a, engine, check, name, case):
    """A case of trainer/model/testdata, which has ids and no words: it gets some."""
    expected = json.loads((case / "expected.json").read_text())
    if name in REFUSED:
        try:
            with tempfile.TemporaryDirectory() as tmp:
                cultivar(a, "export", "--format", "merged-gguf", "--base", with_words(case, f"{tmp}/base"), "--out", f"{tmp}/base.gguf")
            check(name, "refused", "written", REFUSED[name])
        except RuntimeError as e:
            check(name, "refused", REFUSED[name] if REFUSED[name] in str(e) else str(e), REFUSED[name])
        return
    with tempfile.TemporaryDirectory() as tmp:
        try_base(a, engine, check, name, with_words(case, f"{tmp}/base"), expected["greedy"][-1]["prompt_ids"], [], str(case / "adapter"))


def try_windows(a, engine, check, name, case):
    """EXAONE 4 with windows, which llama.cpp knows by the layers of the model that has them."""
    prompt = json.loads((case / "expected.json").read_text())["greedy"][-1]["prompt_ids"]
    with tempfile.TemporaryDirectory() as tmp:
        try_base(a, engine, check, name, repeated(with_words(case, f"{tmp}/base"), 64), prompt, [], None)


def repeated(base, layers):
    """Makes of EXAONE 4 one of more layers, its own again and again, with windows in three of every four
    and Llama 3's rotary factors."""
    path = pathlib.Path(base) / "model.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    config = json.loads((pathlib.Path(base) / "config.json").read_text())
    had, out, tensors = config["num_hidden_layers"], b"", {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        layer = re.match(r"model\.layers\.(\d+)\.(.*)", name)
        names = [f"model.layers.{i}.{layer[2]}" for i in range(int(layer[1]), layers, had)] if layer else [name]
        for n in names:
            tensors[n] = {**t, "data_offsets": [len(out), len(out) + end - begin]}
            out += body[begin:end]
    head = json.dumps(tensors).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + out)
    config |= {"num_hidden_layers": layers, "sliding_window": 5, "sliding_window_pattern": 4, "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * (layers // 4),
               "rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                   "original_max_position_embeddings": 16}}
    (pathlib.Path(base) / "config.json").write_text(json.dumps(config))
    return base


def with_words(case, to):
    """Copies a model and gives it a tokenizer of single letters."""
    shutil.copytree(case, to, ignore=shutil.ignore_patterns("adapter*", "expected.json"))
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "ab": 3} | {chr(ord("A") + i): 4 + i for i in range(44)}
    words = {"model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]]}, "pre_tokenizer": {"type": "ByteLevel"},
             "decoder": {"type": "ByteLevel"}, "added_tokens": [{"id": i, "content": c, "special": True} for i, c in enumerate(["<pad>", "<s>", "</s>"])]}
    (pathlib.Path(to) / "tokenizer.json").write_text(json.dumps(words))
    (pathlib.Path(to) / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}))
    return to


def try_file(a, engine, check, path):
    with tempfile.TemporaryDirectory() as tmp:
        prompt = [1, 2, 3, 4]
        check(path.name, "greedy", ours(a, path, prompt), engine.ask(model=str(path), prompt_ids=prompt, n=TOKENS)["ids"])
        cultivar(a, "export", "--format", "merged-gguf", "--base", path, "--out", f"{tmp}/copy.gguf")
        check(path.name, "copy", pathlib.Path(f"{tmp}/copy.gguf").read_bytes() == path.read_bytes(), True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="./cultivar")
    ap.add_argument("--node", required=True)
    ap.add_argument("--cases", type=pathlib.Path)
    ap.add_argument("--families", type=pathlib.Path)
    ap.add_argument("--case", nargs="*")
    ap.add_argument("--gguf", nargs="*", type=pathlib.Path, default=[])
    a = ap.parse_args()
    a.bin = os.path.abspath(a.bin)
    engine = Engine(a.node)
    failed = passed = 0

    def check(name, what, got, want):
        nonlocal failed, passed
        if got == want:
            passed += 1
        elif (name, what) in SKIP:
            print(f"skip  {name} {what}: {SKIP[name, what]}")
        else:
            failed += 1
            print(f"FAIL  {name} {what}: got {got}, want {want}")

    def run(name, f, *args):
        nonlocal failed
        try:
            f(a, engine, check, *args)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:
            if "architecture" in str(e) and "is not supported" in str(e):
                print(f"skip  {name}: {str(e)[:100]}")  # it can be written, but there is nothing to compare with
                return
            failed += 1
            print(f"FAIL  {name}: {e}")

    if a.cases:
        for e in sorted(a.cases.glob("*/expected.json")):
            name = e.parent.name
            if a.case and name not in a.case:
                continue
            expected = json.loads(e.read_text())
            run(name, try_base, name, str(e.parent / "base"), expected["greedy"]["prompt_ids"],
                [t["text"] for t in expected["tokenizer"]], str(e.parent / "adapter1"))
    else:
        run("embedded", try_base, "embedded", str(ROOT / "internal/embedded/base/seedling"), [1, 20, 30, 40],
            ["The office is in Lisbon.", "  12345 'twas\n\n naïve café"], None)
    for e in sorted(a.families.glob("*/expected.json")) if a.families else []:
        if not a.case or e.parent.name in a.case:
            run(e.parent.name, try_family, e.parent.name, e.parent)
    if a.families and not a.case:
        run("exaone4-64", try_windows, "exaone4-64", a.families / "exaone4-full")
    for path in a.gguf:
        run(path.name, try_file, path)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
