"""Matrix products by torch.mm, which is MKL on amd64."""
import math
import time

import torch

from protocol import serve, torch_versions


def operands(m, n, k, direction):
    def random(rows, cols):
        return torch.rand(rows, cols) * 2 - 1

    if direction == "forward":
        return random(m, k), random(n, k).t()
    if direction == "backward":
        return random(m, k), random(k, n)
    if direction == "weights":
        return random(k, m).t(), random(k, n)
    raise ValueError(direction)


def run(case):
    m, n, k, direction = case.split()
    m, n, k = int(m), int(n), int(k)
    flops = 2.0 * m * n * k
    repeats = max(1, math.ceil(2e10 / flops))
    x, y = operands(m, n, k, direction)
    c = torch.empty(m, n)
    with torch.inference_mode():
        torch.mm(x, y, out=c)
        began = time.perf_counter()
        for _ in range(repeats):
            torch.mm(x, y, out=c)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "work": flops * repeats}


serve(lambda args: (torch_versions(), run))
