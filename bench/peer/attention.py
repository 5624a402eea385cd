"""Causal attention by torch's scaled_dot_product_attention: its flash kernel for CPUs."""
import math
import time

import torch

from protocol import serve, torch_versions


def run(case):
    *sizes, kind = case.split()
    sequences, length, heads, kv_heads, dim = map(int, sizes)
    product = 2.0 * sequences * heads * dim * length * (length + 1) / 2
    training = kind == "training"
    flops = (7 if training else 2) * product
    repeats = max(1, math.ceil(5e9 / flops))

    def random(n):
        return (torch.rand(sequences, n, length, dim) * 2 - 1).requires_grad_(training)

    q, k, v, dout = random(heads), random(kv_heads), random(kv_heads), random(heads).detach()

    def once():
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv_heads)
        if training:
            torch.autograd.grad(out, (q, k, v), dout)

    once()
    began = time.perf_counter()
    for _ in range(repeats):
        once()
    return {"seconds": time.perf_counter() - began, "work": flops * repeats}


serve(lambda args: (torch_versions(), run))
