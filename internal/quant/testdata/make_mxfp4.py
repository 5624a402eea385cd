"""Writes mxfp4.safetensors: random blocks of an MXFP4 checkpoint and what transformers widens them to.

usage: make_mxfp4.py     (needs torch, transformers, safetensors)

blocks is (experts, rows, blocks of a row, 16), scales (experts, rows, blocks of a row) and values
(experts, rows, elements): the function returns them transposed, which is undone here.
"""
import os
import torch
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

g = torch.Generator().manual_seed(21)
blocks = torch.randint(0, 256, (2, 3, 2, 16), generator=g, dtype=torch.uint8)
scales = torch.randint(100, 140, (2, 3, 2), generator=g, dtype=torch.uint8)
scales[0, 0] = torch.tensor([0, 1])      # denormal
scales[0, 1] = torch.tensor([2, 127])
scales[1, 0] = torch.tensor([253, 254])  # some overflow
scales[1, 1, 0] = 255                    # NaN by the standard, an exponent like the others here
blocks[:, :, :, 0] = torch.tensor([0x10, 0x98])[:, None, None].to(torch.uint8)  # zeros of both signs
values = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).transpose(1, 2).contiguous()
save_file(dict(blocks=blocks, scales=scales, values=values), os.path.join(os.path.dirname(os.path.abspath(__file__)), "mxfp4.safetensors"))
