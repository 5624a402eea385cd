"""Writes gguf.safetensors: random blocks of every GGUF format and what gguf-py widens them to.

usage: make_gguf.py     (needs numpy, gguf, safetensors)

FORMAT.data is (rows, bytes) and FORMAT.values (rows, elements). Q8_0.source is quantised to Q8_0.packed.
"""
import os
import numpy as np
from gguf import GGMLQuantizationType, quants
from gguf.constants import GGML_QUANT_SIZES
from safetensors.numpy import save_file

ROWS = 3
# where in a block the f16 scales are: random bits there would mostly be huge, infinite or NaN
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}
# MXFP4 has no f16: its scale is one byte, and every value of it makes sense
rng = np.random.default_rng(20)
out = {}
for name, halves in HALVES.items():
    kind = GGMLQuantizationType[name]
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = 1 if elements == 256 else 3
    data = rng.integers(0, 256, (ROWS, blocks, size), dtype=np.uint8)
    for at in halves:
        scale = (rng.standard_normal((ROWS, blocks, 1)) * 10.0 ** rng.integers(-6, 2, (ROWS, blocks, 1))).astype(np.float16)
        data[:, :, at:at + 2] = scale.view(np.uint8)
    data = data.reshape(ROWS, -1)
    out[f"{name}.data"], out[f"{name}.values"] = data, quants.dequantize(data, kind)

source = (rng.standard_normal((4, 96)) * 10.0 ** rng.integers(-12, 5, (4, 96))).astype(np.float32)
source[0, 32:64] = 0                                    # a block of zeros
source[1, :32] = np.arange(32) * 0.5 - 8                # codes that lie halfway: 127/7.75 is no power of two,
source[1, 32:64] = np.concatenate([[127], np.arange(31) - 15.5])  # here they are exact ties
source[2, :32] *= 1e-30                                 # a scale that is no longer normal in f16
source[3, :32] *= 1e2
out["Q8_0.source"] = source
with np.errstate(over="ignore"):
    out["Q8_0.packed"] = quants.quantize(source, GGMLQuantizationType.Q8_0)

data = rng.integers(0, 256, (ROWS, 3, 17), dtype=np.uint8)
data[0, :, 0], data[1, :, 0] = [0, 1, 2], [253, 254, 255]  # denormal scales, and those that overflow
data = data.reshape(ROWS, -1)
with np.errstate(over="ignore"):
    out["MXFP4.data"], out["MXFP4.values"] = data, quants.dequantize(data, GGMLQuantizationType.MXFP4)
save_file(out, os.path.join(os.path.dirname(__file__), "gguf.safetensors"))
