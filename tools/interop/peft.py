#!/usr/bin/env python3
"""Holds the adapters and merged models that cultivar writes against PEFT and transformers, who read them.

usage: peft.py --bin ./cultivar --cases GOLDENS [--case NAME ...]

Needs torch, transformers and peft; nothing is downloaded. For each case an adapter is trained for two
steps on the case's base, then

- PEFT loads it, with no key missing or left over, and computes the log-probabilities of
  `cultivar eval --logprobs`;
- it differs from the base, so that an adapter that is not applied would show;
- transformers computes the same on `cultivar export --format merged`;
- what PEFT writes of it again is the same to cultivar.

All of it in float32, where both round differently: 1e-4 a token.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

# The folder of this file is searched first, and there the library's name is taken.
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils import logging

TOLERANCE = 1e-4
TEXTS = ["The office is in Lisbon, and it opens at nine.", "  12345 'twas\n\n naïve café", "Answer in one word: yes or no?"]
# What is trained; rates are high, so that two steps show.
CASES = {
    "llama": "lora: {r: 4, lora_alpha: 8}",
    "qwen2": "lora: {r: 4, lora_alpha: 8, use_dora: true}",
    "gemma3": "lora: {r: 4, lora_alpha: 8, use_rslora: true, target_modules: '.*layers\\.[01]\\..*'}",
    "mixtral": "lora: {r: 4, lora_alpha: 8, target_modules: [q_proj, v_proj], target_parameters: [mlp.experts.gate_up_proj, mlp.experts.down_proj, mlp.gate.weight]}",
    "qwen3-moe": "lora: {r: 4, lora_alpha: 8, use_rslora: true, target_modules: [], target_parameters: [gate_up_proj, model.layers.0.mlp.experts.down_proj]}",
}


class Case:
    def __init__(self, bin, base, tmp):
        self.bin, self.base, self.tmp = bin, base, tmp
        self.rows = f"{tmp}/rows.jsonl"
        pathlib.Path(self.rows).write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
        ids = self.cultivar("tokenize", "--base", base, "--json", stdin="".join(json.dumps(t) + "\n" for t in TEXTS))
        self.ids = [json.loads(line) for line in ids.splitlines()]

    def cultivar(self, *args, stdin=None):
        p = subprocess.run([self.bin, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=300)
        if p.returncode != 0:
            raise RuntimeError(f"cultivar {args[0]}: {p.stderr.strip()}")
        return p.stdout

    def train(self, lora):
        config = f"{self.tmp}/train.yaml"
        pathlib.Path(config).write_text(f"objective: clm\nmax_steps: 2\nlearning_rate: 0.02\nwarmup_steps: 0\nweight_decay: 0\n{lora}\n")
        self.cultivar("train", "--base", self.base, "--data", self.rows, "--config", config, "--out", f"{self.tmp}/adapter")
        return f"{self.tmp}/adapter"

    def ours(self, base, *more):
        out = json.loads(self.cultivar("eval", "--base", base, "--data", self.rows, "--append-eos=false", "--logprobs", "--json", *more))
        return [row["token_logprobs"] for row in out["rows"]]

    def theirs(self, model):
        out = []
        for ids in self.ids:
            x = torch.tensor([ids])
            with torch.no_grad():
                p = torch.log_softmax(model(input_ids=x).logits[0, :-1], -1)
            out.append(p.gather(1, x[0, 1:, None])[:, 0].tolist())
        return out


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def apart(a, b):
    """The largest difference between two lists of log-probabilities."""
    if [len(x) for x in a] != [len(x) for x in b]:
        return float("inf")
    return max(abs(x - y) for row, other in zip(a, b) for x, y in zip(row, other))


def try_case(case, lora, check):
    adapter = case.train(lora)
    ours = case.ours(case.base, "--adapter", adapter)
    check("differs from the base", apart(ours, case.ours(case.base)), least=1e-2)
    base = load(case.base)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of missing and unexpected keys PEFT only warns
        model = PeftModel.from_pretrained(base, adapter).eval()
    check("PEFT", apart(ours, case.theirs(model)))
    model.save_pretrained(f"{case.tmp}/again")
    check("PEFT's copy", apart(ours, case.ours(case.base, "--adapter", f"{case.tmp}/again")), most=0)
    case.cultivar("export", adapter, "--format", "merged", "--dtype", "float32", "--base", case.base, "--out", f"{case.tmp}/merged")
    check("merged, transformers", apart(ours, case.theirs(load(f"{case.tmp}/merged"))))
    check("merged, cultivar", apart(ours, case.ours(f"{case.tmp}/merged")))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="./cultivar")
    ap.add_argument("--cases", type=pathlib.Path, required=True)
    ap.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    a = ap.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    failed = 0
    for name in a.case:
        def check(what, got, most=TOLERANCE, least=None):
            nonlocal failed
            ok = got >= least if least is not None else got <= most
            failed += not ok
            print(f"{'ok  ' if ok else 'FAIL'}  {name:9} {what:22} {got:.1e}", flush=True)

        with tempfile.TemporaryDirectory() as tmp:
            try:
                try_case(Case(os.path.abspath(a.bin), str(a.cases / name / "base"), tmp), CASES[name], check)
            except (RuntimeError, OSError, ValueError, Warning, subprocess.SubprocessError) as e:
                failed += 1
                print(f"FAIL  {name:9} {str(e)[:300]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
