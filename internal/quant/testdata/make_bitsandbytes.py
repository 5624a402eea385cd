"""Writes bitsandbytes.safetensors: weights and what bitsandbytes makes of them on a CPU.

usage: make_bitsandbytes.py     (needs torch, bitsandbytes, safetensors)

CASE.source is quantised to CASE.packed with the state CASE.state.*, whose values are CASE.values.
mean.N is torch.mean of the first N of a sequence that the test knows as well.
"""
import os
import torch, bitsandbytes.functional as F
from bitsandbytes.backends.default.ops import _dequantize_4bit_compute
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.manual_seed(20)
out = {}


def four_bit(name, w, kind, block, nested):
    q, s = F.quantize_4bit(w, blocksize=block, compress_statistics=nested, quant_type=kind)
    out[f"{name}.source"], out[f"{name}.packed"] = w, q.contiguous()
    # of the two implementations the one in Python: that in C++ gives FP4's second zero as -0
    absmax = F.dequantize_blockwise(s.absmax, s.state2) + s.offset if nested else s.absmax
    values = _dequantize_4bit_compute(q.reshape(-1), absmax, s.code, block, w.shape, torch.float32)
    assert torch.equal(values, F.dequantize_4bit(q, s))
    out[f"{name}.values"] = values.contiguous()
    for k, t in s.as_dict(packed=True).items():
        out[f"{name}.state.{k.replace('quant_state.bitsandbytes__' + kind, 'json')}"] = t.contiguous()


def tricky(rows, cols):
    """Blocks of zeros, denormals and one value; ties; magnitudes from 1e-6 to 1e3."""
    w = torch.randn(rows, cols) * 10.0 ** torch.randint(-6, 3, (rows, 1))
    f = w.view(-1)
    f[64:128] = 0
    f[128:192] = torch.randn(64) * 1e-40
    f[192:256] = -3.5
    f[256:320] = torch.linspace(-1, 1, 64)
    return w


for kind in ("nf4", "fp4"):
    four_bit(f"{kind}.odd", tricky(13, 33), kind, 64, False)  # the last block and the last byte are not full
    four_bit(f"{kind}.nested", tricky(13, 33), kind, 32, True)
    code = torch.sort(F.get_4bit_type(kind, device="cpu"))[0]
    ties = (code[:-1] + code[1:]) / 2  # each tie and its two neighbours; a scale of 1 leaves them as they are
    one, inf = torch.ones(1), torch.tensor(float("inf"))
    near = torch.cat([one, ties, torch.nextafter(ties, inf), torch.nextafter(ties, -inf), torch.tensor([1e-30, -1e-30])])
    four_bit(f"{kind}.ties", near.reshape(2, 24), kind, 64, False)
    # more than one block of scales
    four_bit(f"{kind}.many", (torch.randn(96, 96) * torch.rand(96, 1)).bfloat16().float(), kind, 32, True)
    out[f"{kind}.many.source"] = out[f"{kind}.many.source"].bfloat16()
    out[f"{kind}.many.values"] = out[f"{kind}.many.values"][-2:].contiguous()  # the last rows are enough

w = torch.randn(6, 40) * 10.0 ** torch.randint(-4, 3, (6, 1))
w[1] = 0
w[2] = torch.arange(40) - 19.5
w[2, 0] = 127.0  # a scale of 127, so that the other codes are ties
half = w.half()
q, s, _ = F.int8_vectorwise_quant(half)
out |= {"int8.source": w, "int8.packed": q, "int8.scale": s, "int8.values": F.int8_vectorwise_dequant(q, s)}

x = (torch.arange(70000, dtype=torch.int64) * 2654435761 % 2**32).double().div(2**32).add(0.125).float()
for n in (1, 7, 8, 31, 32, 33, 100, 511, 512, 513, 1000, 4096, 8191, 20000, 32768, 70000):
    out[f"mean.{n}"] = x[:n].mean().reshape(1)
out["dynamic_map"] = F.create_dynamic_map()
b = (out["dynamic_map"][:-1] + out["dynamic_map"][1:]) / 2
steps = torch.linspace(-1, 1, 254)
scales = torch.cat([torch.ones(1), b, torch.ones(1), steps, torch.zeros(300)])
q, s = F.quantize_blockwise(scales, blocksize=256)
out |= {"blockwise.source": scales, "blockwise.codes": q, "blockwise.absmax": s.absmax}
save_file(out, os.path.join(os.path.dirname(__file__), "bitsandbytes.safetensors"))
