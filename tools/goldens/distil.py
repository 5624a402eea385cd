#!/usr/bin/env python3
"""Makes trainer/testdata/distil with PyTorch: context distillation of tiny golden models, written as the formula says.

usage: distil.py FAMILIES OUT      FAMILIES is trainer/model/testdata

The teacher is the base with the adapter off, the student the base with it on; batches are rows in order, arithmetic
is float32, the divergence is over the teacher's k likeliest tokens and the sum of all others. expected.json holds the
rows as ids, the configurations, and losses and gradient norms of each step; NAME.safetensors is the adapter afterwards.
"""
import json, os, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
families, out = sys.argv[1:]
STEPS, BATCH, LR, DECAY = 6, 4, 2e-2, 0.01
RUNS = [
    dict(name="tail", case="llama-linear", topk=5, temperature=2.0, ce_weight=0.25),
    dict(name="whole", case="llama-linear", topk=48, temperature=1.0, ce_weight=0.0),
    dict(name="capped", case="gemma2", topk=7, temperature=1.5, ce_weight=0.5),
]
draw = torch.Generator().manual_seed(11)


def words(n):
    return [int(i) for i in torch.randint(3, 48, (n,), generator=draw)]


rows = [dict(prompt=words(2 + i % 3), context=words(3 + i % 5), completion=words(1 + i * 3 % 5) + [2]) for i in range(2 * BATCH)]


def logits(model, prompt, completion):
    """Logits that predict the completion's tokens."""
    ids = torch.tensor([prompt + completion])
    return model(ids, use_cache=False).logits[0, len(prompt) - 1 : -1]


def losses(model, row, cfg):
    """Sums over a row's tokens: the loss, the divergence and the cross-entropy."""
    target = torch.tensor(row["completion"])
    with torch.no_grad(), model.disable_adapter():
        teacher = logits(model, row["context"] + row["prompt"], row["completion"])
    student = logits(model, row["prompt"], row["completion"])
    ce = torch.nn.functional.cross_entropy(student, target, reduction="sum")
    t = cfg["temperature"]
    q, p = (teacher / t).softmax(-1), (student / t).softmax(-1)
    top = q.topk(cfg["topk"], -1).indices
    qs, ps = q.gather(-1, top), p.gather(-1, top)
    kl = (qs * (qs / ps).log()).sum()
    if cfg["topk"] < q.shape[-1]:
        rest = torch.ones_like(q).scatter(-1, top, 0.0)
        qr, pr = (q * rest).sum(-1), (p * rest).sum(-1)
        kl = kl + (qr * (qr / pr).log()).sum()
    c = cfg["ce_weight"]
    return c * ce + (1 - c) * t * t * kl, kl, ce


def run(cfg):
    case = f"{families}/{cfg['case']}"
    base = AutoModelForCausalLM.from_pretrained(case, attn_implementation="eager", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, f"{case}/adapter", is_trainable=True)
    model.eval()
    params = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=LR, weight_decay=DECAY)
    steps = []
    for step in range(STEPS):
        at = step * BATCH % len(rows)
        batch = rows[at : at + BATCH]
        n = sum(len(r["completion"]) for r in batch)
        sums = [losses(model, r, cfg) for r in batch]
        loss, kl, ce = (sum(s[i] for s in sums) / n for i in range(3))
        opt.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        steps.append(dict(loss=loss.item(), grad_norm=norm.item(), kl=kl.item(), ce_loss=ce.item()))
    with torch.no_grad():
        n = sum(len(r["completion"]) for r in rows)
        sums = [losses(model, r, cfg) for r in rows]
        loss, kl, ce = (sum(s[i] for s in sums).item() / n for i in range(3))
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        save_file(load_file(f"{tmp}/adapter_model.safetensors"), f"{out}/{cfg['name']}.safetensors")
    return dict(cfg, steps=steps, evaluation=dict(loss=loss, kl=kl, ce_loss=ce))


os.makedirs(out, exist_ok=True)
runs = [run(c) for c in RUNS]
json.dump(dict(made_by=f"PyTorch {torch.__version__}", batch_size=BATCH, learning_rate=LR, weight_decay=DECAY, rows=rows, runs=runs),
          open(f"{out}/expected.json", "w"), indent=1)
for r in runs:
    print(r["name"], *r["steps"], r["evaluation"], sep="\n  ")
