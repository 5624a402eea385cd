"""A LoRA training step in PyTorch and PEFT, as their documentation writes it."""
import json
import time

import peft
import torch
import transformers

from protocol import serve, torch_versions

IGNORE = -100


def load(args):
    dtype = getattr(torch, args["dtype"])
    model = transformers.AutoModelForCausalLM.from_pretrained(args["base"], dtype=dtype, attn_implementation="sdpa")
    model.config.use_cache = False
    if args["checkpointing"]:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    config = peft.LoraConfig(
        r=args["rank"], lora_alpha=2 * args["rank"], target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    model = peft.get_peft_model(model, config)
    model.train()
    return model


def padded(rows):
    """A micro-batch: rows padded to the longest, without a mask when nothing is padded."""
    width = max(len(r["ids"]) for r in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORE, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, r in enumerate(rows):
        n = len(r["ids"])
        ids[i, :n], labels[i, :n], mask[i, :n] = torch.tensor(r["ids"]), torch.tensor(r["labels"]), 1
    return {"input_ids": ids, "labels": labels, "attention_mask": None if bool(mask.all()) else mask}


def prepare(args):
    torch.manual_seed(0)
    model = load(args)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=2e-4, weight_decay=0.01)
    with open(args["steps"]) as f:
        steps = json.load(f)["steps"]
    done = 0

    def run(_case):
        nonlocal done
        rows = steps[done % len(steps)]
        done += 1
        tokens = sum(len(r["ids"]) for r in rows)
        began = time.perf_counter()
        trained = sum(label != IGNORE for r in rows for label in r["labels"][1:])
        total = 0.0
        for at in range(0, len(rows), args["micro_batch"]):
            out = model(**padded(rows[at : at + args["micro_batch"]]), num_items_in_batch=trained)
            out.loss.backward()
            total += out.loss.item()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return {"seconds": time.perf_counter() - began, "work": tokens, "loss": total}

    return torch_versions(transformers, peft), run


serve(prepare)
