#!/usr/bin/env python3
"""Writes internal/gguf/testdata/types.gguf with gguf-py, the reference writer: a value of every
metadata type, tensors of several types and dimensions. Run from the root of the repository:

    python3 tools/goldens/gguf_types.py
"""
import gguf
import numpy as np

w = gguf.GGUFWriter("internal/gguf/testdata/types.gguf", "llama")
w.add_uint8("t.uint8", 200)
w.add_int8("t.int8", -100)
w.add_uint16("t.uint16", 60000)
w.add_int16("t.int16", -30000)
w.add_uint32("t.uint32", 4000000000)
w.add_int32("t.int32", -2000000000)
w.add_float32("t.float32", 0.1)
w.add_bool("t.bool", True)
w.add_string("t.string", "naïve\n▁")
w.add_uint64("t.uint64", 2**64 - 1)
w.add_int64("t.int64", -(2**62))
w.add_float64("t.float64", 0.1)
w.add_array("t.strings", ["", "a", "ę"])
w.add_array("t.ints", [1, -2, 3])
w.add_array("t.floats", [0.5, -1.5])
w.add_array("t.bools", [True, False])
w.add_array("t.bytes", b"\x00\xff")
f32 = np.arange(6, dtype=np.float32).reshape(2, 3)
w.add_tensor("matrix", f32)
w.add_tensor("half", (f32 / 4).astype(np.float16))
w.add_tensor("cube", np.arange(24, dtype=np.float32).reshape(2, 3, 4))
w.add_tensor("vector", np.array([1, 2, 3, 4, 5], dtype=np.float32))
blocks = gguf.quants.quantize(np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32), gguf.GGMLQuantizationType.Q8_0)
w.add_tensor("blocks", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
