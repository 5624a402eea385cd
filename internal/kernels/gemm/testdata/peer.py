"""Times PyTorch's float32 products (MKL) on the shapes of BenchmarkShapes, best of several rounds.

    MKL_ENABLE_INSTRUCTIONS=AVX2 python3 testdata/peer.py [THREADS] > peer.txt
    CULTIVAR_CPU=avx2 PEER=peer.txt go test -run '^$' -bench Shapes -cpu THREADS .

Each line of the output is: kind m n k seconds.
"""
import sys
import time

import torch

# kind, m, n, k: C is m × n. forward: x·Wᵀ; input: dy·W; weight: dyᵀ·x.
SHAPES = [line.split() for line in open(__file__.replace("peer.py", "shapes.txt")) if line.strip() and line[0] != "#"]


def operands(kind, m, n, k):
    draw = lambda r, c: torch.randn(r, c)
    if kind == "forward":
        return draw(m, k), draw(n, k).T
    if kind == "input":
        return draw(m, k), draw(k, n)
    return draw(k, m).T, draw(k, n)


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    torch.set_grad_enabled(False)
    for kind, *dims in SHAPES:
        m, n, k = map(int, dims)
        a, b = operands(kind, m, n, k)
        out = torch.empty(m, n)
        inner = max(1, int(2e8 / (2 * m * n * k)))
        best = float("inf")
        end = time.perf_counter() + 0.15
        while time.perf_counter() < end or best == float("inf"):
            start = time.perf_counter()
            for _ in range(inner):
                torch.mm(a, b, out=out)
            best = min(best, (time.perf_counter() - start) / inner)
        print(kind, m, n, k, f"{best:.9f}")


main()
