#!/usr/bin/env python3
"""Makes trainer/testdata/kto with TRL: what its KTOTrainer does to the adapter of a tiny golden model.

usage: kto.py CASE OUT      CASE is a folder of trainer/model/testdata

The reference is the base without the adapter, batches are rows in order, arithmetic is float32.
expected.json holds the rows as ids, the configuration, and what was logged in each step; adapter.safetensors
is the adapter afterwards. TRL pairs rows within batches of training, in evaluations too: one batch is held out. The mismatched answer to one row is cut by max_length.
"""
import json, os, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from datasets import Dataset
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import KTOConfig, KTOTrainer

torch.set_num_threads(1)
case, out = sys.argv[1:]
VOCAB, EOS, STEPS, BATCH, MAX_LENGTH = 48, 2, 8, 4, 12
draw = torch.Generator().manual_seed(7)


def words(n):
    return [int(i) for i in torch.randint(3, VOCAB, (n,), generator=draw)]


def tokenizer():
    t = Tokenizer(models.WordLevel({f"w{i:02}": i for i in range(VOCAB)}, unk_token="w00"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=t, eos_token=f"w{EOS:02}", pad_token="w00")


# The second batch has good answers only.
rows = [dict(prompt=words(2 + i % 4 + 4 * (i % 4 == 1)), completion=words(1 + i * 3 % 5) + [EOS], label=i // BATCH == 1 or i % 3 != 1) for i in range(3 * BATCH)]
text = lambda ids: " ".join(f"w{i:02}" for i in ids)
data = Dataset.from_list([dict(prompt=text(r["prompt"]) + " ", completion=text(r["completion"]), label=r["label"]) for r in rows])
load = lambda: AutoModelForCausalLM.from_pretrained(case, attn_implementation="eager", dtype=torch.float32)
policy = PeftModel.from_pretrained(load(), f"{case}/adapter", is_trainable=True)
cfg = dict(beta=0.3, desirable_weight=1.0, undesirable_weight=1.5)
with tempfile.TemporaryDirectory() as tmp:
    trainer = KTOTrainer(
        model=policy, ref_model=load(), processing_class=tokenizer(), train_dataset=data, eval_dataset=data.select(range(BATCH)),
        args=KTOConfig(output_dir=tmp, per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH, max_steps=STEPS, learning_rate=2e-2,
                       lr_scheduler_type="constant", weight_decay=0.01, max_grad_norm=1.0, max_length=MAX_LENGTH, logging_steps=1, bf16=False,
                       use_cpu=True, gradient_checkpointing=False, report_to=[], save_strategy="no", eval_strategy="no", **cfg))
    trainer.train()
    held = trainer.evaluate()
    policy.save_pretrained(f"{tmp}/adapter")
    os.makedirs(out, exist_ok=True)
    save_file(load_file(f"{tmp}/adapter/adapter_model.safetensors"), f"{out}/adapter.safetensors")
KEYS = ["loss", "grad_norm", "kl", "rewards/chosen", "rewards/rejected", "rewards/margins", "logps/chosen", "logps/rejected"]
steps = [{k: s[k] for k in KEYS if k in s} for s in trainer.state.log_history if "loss" in s]
held = {k: held[f"eval_{k}"] for k in KEYS if f"eval_{k}" in held}
json.dump(dict(made_by="TRL 1.16", case=os.path.basename(case), batch_size=BATCH, max_length=MAX_LENGTH, learning_rate=2e-2, weight_decay=0.01,
               **cfg, rows=rows, held=BATCH, steps=steps, evaluation=held), open(f"{out}/expected.json", "w"), indent=1)
for s in steps:
    print(s)
print(held)
