"""Greedy decoding in transformers with its key-value cache, without the overhead of generate()."""
import hashlib
import time

import torch
import transformers

from protocol import serve, torch_versions

VOCABULARY, FIRST_WORD, PROMPT = 49152, 3, 16


def prepare(args):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        args["base"], dtype=getattr(torch, args["dtype"]), attn_implementation="sdpa"
    ).eval()
    prompt = torch.tensor([[FIRST_WORD + i * 2999 % (VOCABULARY - FIRST_WORD) for i in range(PROMPT)]])

    def run(case):
        n = int(case.split()[0])
        with torch.inference_mode():
            out = model(prompt, use_cache=True, logits_to_keep=1)
            ids = [int(out.logits[0, -1].argmax())]
            began = time.perf_counter()
            for _ in range(n):
                out = model(torch.tensor([[ids[-1]]]), past_key_values=out.past_key_values, use_cache=True)
                ids.append(int(out.logits[0, -1].argmax()))
            seconds = time.perf_counter() - began
        digest = hashlib.sha256(b"".join(i.to_bytes(4, "little") for i in ids)).hexdigest()
        return {"seconds": seconds, "work": n, "check": digest}

    return torch_versions(transformers), run


serve(prepare)
