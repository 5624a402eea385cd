#!/usr/bin/env python3
"""Writes bases/ggufarch/testdata/names.json: what gguf-py calls the tensors of each architecture,
by their published names. Run from the root of the repository:

    python3 tools/goldens/gguf_names.py
"""
import json
import gguf

LLAMA = ["input_layernorm", "post_attention_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
         "self_attn.o_proj"]
MLP = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
NORMS = ["self_attn.q_norm", "self_attn.k_norm"]
SANDWICH = ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
CASES = {
    "LlamaForCausalLM": ("LLAMA", LLAMA + MLP),
    "MistralForCausalLM": ("LLAMA", LLAMA + MLP),
    "MixtralForCausalLM": ("LLAMA", LLAMA + ["block_sparse_moe.gate"]),
    "Qwen2ForCausalLM": ("QWEN2", LLAMA + MLP),
    "Qwen3ForCausalLM": ("QWEN3", LLAMA + MLP + NORMS),
    "Qwen3MoeForCausalLM": ("QWEN3MOE", LLAMA + NORMS + ["mlp.gate"]),
    "GemmaForCausalLM": ("GEMMA", LLAMA + MLP),
    "Gemma2ForCausalLM": ("GEMMA2", LLAMA + MLP + SANDWICH),
    "Gemma3ForCausalLM": ("GEMMA3", LLAMA + MLP + SANDWICH + NORMS),
    "Phi3ForCausalLM": ("PHI3", ["input_layernorm", "post_attention_layernorm", "self_attn.qkv_proj", "self_attn.o_proj",
                                 "mlp.gate_up_proj", "mlp.down_proj"]),
    "GraniteForCausalLM": ("GRANITE", LLAMA + MLP),
    "Olmo2ForCausalLM": ("OLMO2", LLAMA[1:] + MLP + NORMS + SANDWICH[1:]),
    "SmolLM3ForCausalLM": ("SMOLLM3", LLAMA + MLP),
    "Exaone4ForCausalLM": ("EXAONE4", LLAMA[1:] + MLP + NORMS + SANDWICH[1:]),
    "Glm4ForCausalLM": ("GLM4", LLAMA + ["post_self_attn_layernorm", "mlp.gate_up_proj", "mlp.down_proj", "post_mlp_layernorm"]),
    "Ministral3ForCausalLM": ("MISTRAL3", LLAMA + MLP),
    "GptOssForCausalLM": ("GPT_OSS", LLAMA + ["self_attn.sinks", "mlp.router", "mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.experts.down_proj"]),
    "GraniteMoeForCausalLM": ("GRANITE_MOE", LLAMA + ["block_sparse_moe.router.layer", "block_sparse_moe.output_linear"]),
}
# Experts are stacked by the converter (conversion/llama.py, conversion/qwen.py) under names of its own.
STACKED = {"MixtralForCausalLM": ("layers.1.feed_forward.experts.w%d", "block_sparse_moe.experts.%%d.w%d", [1, 2, 3]),
           "Qwen3MoeForCausalLM": ("model.layers.1.mlp.experts.%s_proj", "mlp.experts.%%d.%s_proj", ["gate", "up", "down"])}

out = {}
for cls, (arch, parts) in CASES.items():
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch], 3)
    table = {f"model.layers.2.{p}": names.get_name(f"model.layers.2.{p}") for p in parts}
    for top in ("model.embed_tokens", "model.norm", "lm_head"):
        table[top] = names.get_name(top)
    if cls in STACKED:
        stacked, published, which = STACKED[cls]
        for w in which:
            table["model.layers.1." + published % w] = names.get_name(stacked % w)
    out[cls] = {"arch": gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH[arch]], "names": table}
with open("bases/ggufarch/testdata/names.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
