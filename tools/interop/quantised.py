#!/usr/bin/env python3
"""Holds merges into bases that bitsandbytes quantised against PEFT.

usage: quantised.py --bin ./cultivar

Needs torch, transformers, peft and bitsandbytes; nothing is downloaded. A tiny model is quantised to
NF4, FP4 and int8, an adapter is put on it, and

- every weight of `cultivar export --format merged --dtype float32` is what dequantising, and adding
  PEFT's update, gives: to the bit, where PyTorch's product has the same rounding;
- transformers loads the result, which says nothing of a quantisation, and computes what PEFT does on
  weights of 4 bits; with LLM.int8 it quantises what is multiplied as well.
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
import bitsandbytes.functional as bnb
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig
from transformers.utils import logging

KINDS = {
    "nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32),
    "fp4": dict(load_in_4bit=True, bnb_4bit_quant_type="fp4", bnb_4bit_compute_dtype=torch.float32),
    "int8": dict(load_in_8bit=True),
}
TINY = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=96)


def widened(module):
    """The weight of a linear module in float32."""
    w = module.weight
    if getattr(w, "quant_state", None) is not None:
        return bnb.dequantize_4bit(w.data, w.quant_state).float()
    if getattr(w, "SCB", None) is not None:
        return bnb.int8_vectorwise_dequant(w.data, w.SCB)
    return w.float()


def try_kind(a, tmp, kind, check):
    base = AutoModelForCausalLM.from_pretrained(f"{tmp}/plain", quantization_config=BitsAndBytesConfig(**KINDS[kind]), device_map="cpu", dtype=torch.float32)
    base.save_pretrained(f"{tmp}/{kind}")
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"])).eval()
    for name, p in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.05)
    model.save_pretrained(f"{tmp}/{kind}-adapter")
    p = subprocess.run([a.bin, "export", f"{tmp}/{kind}-adapter", "--format", "merged", "--dtype", "float32", "--base", f"{tmp}/{kind}", "--out", f"{tmp}/{kind}-merged"],
                       capture_output=True, text=True)
    if p.returncode != 0:
        raise RuntimeError(p.stderr.strip())
    got, ids = load_file(f"{tmp}/{kind}-merged/model.safetensors"), torch.arange(3, 20)[None]
    with torch.no_grad():
        apart = max((got[n + ".weight"] - w).abs().max().item() for n, w in expected(model))
        check(kind, "weights", apart, 0)
        said = json.loads(pathlib.Path(f"{tmp}/{kind}-merged/config.json").read_text()).get("quantization_config")
        check(kind, "config.json", 0 if said is None else 1, 0)
        merged = AutoModelForCausalLM.from_pretrained(f"{tmp}/{kind}-merged", dtype=torch.float32).eval()
        if kind != "int8":  # which quantises what is multiplied as well
            check(kind, "logits", (merged(ids).logits - model(ids).logits).abs().max().item(), 1e-5)


def expected(model):
    """What merging should give, by the names of linear modules."""
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight"):
            yield name, widened(module.base_layer) + module.get_delta_weight("default").float()
        elif isinstance(module, torch.nn.Linear) and not any(part in name for part in ("lora_", "base_layer")):
            yield name, widened(module)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="./cultivar")
    a = ap.parse_args()
    a.bin = os.path.abspath(a.bin)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    failed = 0

    def check(kind, what, got, most):
        nonlocal failed
        ok = got <= most
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {kind:5} {what:12} {got:.1e}", flush=True)

    with tempfile.TemporaryDirectory() as tmp:
        AutoModelForCausalLM.from_config(LlamaConfig(**TINY)).to(torch.bfloat16).save_pretrained(f"{tmp}/plain")
        for kind in KINDS:
            try:
                try_kind(a, tmp, kind, check)
            except (RuntimeError, OSError, KeyError, ValueError) as e:
                failed += 1
                print(f"FAIL  {kind:5} {str(e)[:300]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
