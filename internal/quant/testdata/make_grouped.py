"""Writes grouped.safetensors: random weights of GPTQ and AWQ and what their references make of them.

usage: make_grouped.py     (needs torch, safetensors)

The two functions are the arithmetic of AutoGPTQ (qlinear_cuda.py, forward without kernels) and of AutoAWQ
(packing_utils.py, unpack_awq, reverse_awq_order, dequantize_gemm), in float32. Values are (out, in).
"""
import os
import torch
from safetensors.torch import save_file

torch.manual_seed(20)


def gptq(qweight, qzeros, scales, g_idx, bits, v1):
    wf = torch.arange(0, 32, bits, dtype=torch.int32)
    zeros = torch.bitwise_right_shift(qzeros.unsqueeze(2).expand(-1, -1, 32 // bits), wf.view(1, 1, -1))
    zeros = torch.bitwise_and(zeros, 2**bits - 1)
    if v1:
        zeros = torch.bitwise_and(zeros + 1, 2**bits - 1)
    zeros = zeros.reshape(scales.shape)
    weight = torch.bitwise_right_shift(qweight.unsqueeze(1).expand(-1, 32 // bits, -1), wf.view(1, -1, 1))
    weight = torch.bitwise_and(weight, 2**bits - 1).reshape(-1, qweight.shape[1])
    return (scales[g_idx.long()] * (weight - zeros[g_idx.long()])).t().contiguous()


def gptq3(qweight, qzeros, scales, g_idx, v1):
    """Codes of 3 bits, the 11th and the 22nd of 32 in two words (GPTQModel, nn_modules/qlinear, dequantize_weight)."""
    wf = torch.tensor([[*range(0, 33, 3), 0], [0, *range(1, 34, 3)], [0, *range(2, 32, 3), 0]], dtype=torch.int32).reshape(1, 3, 12)

    def join(z, cut):
        z[:, 0, 10] = (z[:, 0, 10] & 3) | ((z[:, 1, 0] << 2) & 4)
        z[:, 1, 11] = (z[:, 1, 11] & 1) | ((z[:, 2, 0] << 1) & 6)
        z = z & 7
        return torch.cat([z[:, 0, :11], z[:, 1, 1:12], z[:, 2, 1:11]], dim=1).reshape(cut)

    words = qzeros.reshape(-1, 3, 1).expand(-1, -1, 12)
    zeros = join(torch.bitwise_right_shift(words, wf), scales.shape)
    if v1:
        zeros = (zeros + 1) & 7
    rows = qweight.t().reshape(-1, 3, 1).expand(-1, -1, 12)
    weight = join(torch.bitwise_right_shift(rows, wf), (qweight.shape[1], -1)).t()
    return (scales[g_idx.long()] * (weight - zeros[g_idx.long()])).t().contiguous()


def awq(qweight, qzeros, scales, group):
    shifts = torch.arange(0, 32, 4)
    order = [0, 4, 1, 5, 2, 6, 3, 7]

    def unpack(q):
        u = torch.bitwise_right_shift(q[:, :, None], shifts[None, None, :]).to(torch.int8).view(q.shape[0], -1)
        index = torch.arange(u.shape[1]).view(-1, 8)[:, order].view(-1)
        return torch.bitwise_and(u[:, index], 15)

    w, z = unpack(qweight), unpack(qzeros)
    s, z = scales.repeat_interleave(group, dim=0), z.repeat_interleave(group, dim=0)
    return ((w - z) * s).t().contiguous()


def words(*shape):
    return torch.randint(-2**31, 2**31, shape).int()


out = {}
IN, OUT, GROUP = 96, 16, 32
for name, bits, v1, shuffled in [("gptq4", 4, True, False), ("gptq4v2", 4, False, False), ("gptq4order", 4, True, True),
                                 ("gptq8", 8, True, False), ("gptq2", 2, True, False)]:
    per = 32 // bits
    g = torch.arange(IN, dtype=torch.int32) // GROUP
    if shuffled:
        g = g[torch.randperm(IN)]
    t = dict(qweight=words(IN // per, OUT), qzeros=words(IN // GROUP, OUT // per), scales=(torch.rand(IN // GROUP, OUT) / 8).half(), g_idx=g)
    out |= {f"{name}.{k}": v for k, v in t.items()}
    out[f"{name}.values"] = gptq(t["qweight"], t["qzeros"], t["scales"].float(), g, bits, v1)
t = dict(qweight=words(IN, OUT // 8), qzeros=words(IN // GROUP, OUT // 8), scales=(torch.rand(IN // GROUP, OUT) / 8).half())
out |= {f"awq.{k}": v for k, v in t.items()}
out["awq.values"] = awq(t["qweight"], t["qzeros"], t["scales"].float(), GROUP)
OUT = 32
for name, v1, shuffled in [("gptq3", True, True), ("gptq3v2", False, False)]:
    g = torch.arange(IN, dtype=torch.int32) // GROUP
    if shuffled:
        g = g[torch.randperm(IN)]
    t = dict(qweight=words(IN // 32 * 3, OUT), qzeros=words(IN // GROUP, OUT // 32 * 3), scales=(torch.rand(IN // GROUP, OUT) / 8).half(), g_idx=g)
    out |= {f"{name}.{k}": v for k, v in t.items()}
    out[f"{name}.values"] = gptq3(t["qweight"], t["qzeros"], t["scales"].float(), g, v1)
save_file(out, os.path.join(os.path.dirname(__file__), "grouped.safetensors"))
