#!/usr/bin/env python3
"""Makes the tiny golden models of trainer/model/testdata with PyTorch, transformers and PEFT.

usage: families.py OUT [CASE ...]

A case is a model of a few thousand random weights (config.json, model.safetensors), a LoRA adapter
(adapter_config.json, adapter_model.safetensors) and expected.json: log-probabilities of token ids,
greedy continuations, and the losses and gradient norms of three AdamW steps. Where experts are
trained there is the adapter after them as well, in trained/. Everything is float32
arithmetic with eager attention on the weights as they are stored. Every sequence is computed by
itself, without padding, because some ropes depend on the length.
"""
import json, os, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

VOCAB = 48
SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=VOCAB, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ATTENTION = LLAMA[:4]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
FUSED_MLP = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"]
LFM2 = ["in_proj", "out_proj", "q_proj", "k_proj", "v_proj", "w1", "w2", "w3"]
SPACE = dict(mamba_n_heads=4, mamba_d_state=6, mamba_expand=2, mamba_chunk_size=8)
GRANITE4 = ["in_proj", "out_proj", "q_proj", "k_proj", "v_proj", "o_proj", "input_linear", "output_linear"]
VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4)
PIXTRAL = dict(VISION, model_type="pixtral", head_dim=4)
TEXT = {k: v for k, v in SMALL.items() if not k.endswith("_id")}
# What a delta net reads of its first token is a multiple of v whose sign its norm keeps: with a small
# epsilon that is so steep that PyTorch's chunked and recurrent rules disagree on tiny models.
DELTA = dict(rms_norm_eps=1e-2, num_hidden_layers=4, head_dim=8, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=6)
DELTA_EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, shared_expert_intermediate_size=10)
# In Qwen 3 Next PEFT takes modules called gate_proj, up_proj and down_proj for the experts' tensors.
SHARED = [f"shared_expert.{part}_proj.weight" for part in ("gate", "up", "down")]
MIXERS = ATTENTION + ["in_proj_qkvz", "in_proj_ba", "in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]
GATED_DELTA = LLAMA + MIXERS + ["shared_expert_gate"]
QWEN_VISION = dict(hidden_size=8, intermediate_size=8, depth=1, num_heads=2, patch_size=4, out_hidden_size=16, num_position_embeddings=4)


def v4(c):
    """Writes a configuration as transformers 4 did."""
    rope = c.pop("rope_parameters", None)
    if rope and "full_attention" in rope:
        local = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
        if c["model_type"] == "gemma3_text":
            c["rope_local_base_freq"] = local
    if rope:
        c["rope_theta"] = rope.pop("rope_theta")
        partial = rope.pop("partial_rotary_factor", None)
        if partial is not None:
            c["partial_rotary_factor"] = partial
        c["rope_scaling"] = None if rope["rope_type"] == "default" else rope
        if c["rope_scaling"] and "factor" in rope and rope["rope_type"] in ("linear", "dynamic") and c["model_type"] == "llama":
            rope["type"] = rope.pop("rope_type")
    if "dtype" in c:
        c["torch_dtype"] = c.pop("dtype")
    if "text_config" in c:
        v4(c["text_config"])


def sparse(c):
    """Keeps what published Gemma 3 configurations keep of text_config."""
    v4(c)
    text = c["text_config"]
    for key in ["tie_word_embeddings", "layer_types", "rope_theta", "rope_local_base_freq", "hidden_activation", "rms_norm_eps", "head_dim"]:
        text.pop(key, None)
    text["head_dim"] = 8  # the default is too large for a tiny model
    c.pop("tie_word_embeddings", None)


def blocks(c):
    """Names what LFM2's first configurations do."""
    v4(c)
    c["block_ff_dim"] = c.pop("intermediate_size")
    c["tie_embedding"] = c.pop("tie_word_embeddings")
    c["full_attn_idxs"] = [i for i, t in enumerate(c.pop("layer_types")) if t == "full_attention"]


def old_types(c):
    """Calls the types of layers what transformers 4 did."""
    v4(c)
    c["layer_types"] = [dict(linear_attention="mamba", full_attention="attention")[t] for t in c["layer_types"]]


def stacked(weights):
    """Qwen 3.5's weights as they are published: experts stacked, and beside the model what guesses further tokens."""
    out = {"mtp.layers.0.mlp.shared_expert_gate.weight": torch.ones(1, 16, dtype=torch.bfloat16)}
    for name, w in weights.items():
        if ".experts." not in name:
            out[name] = w
        elif ".experts.0.down_proj" in name:
            experts = name[:name.index(".0.down_proj")]
            of = lambda part: [weights[f"{experts}.{i}.{part}_proj.weight"] for i in range(DELTA_EXPERTS["num_experts"])]
            out[experts + ".down_proj"] = torch.stack(of("down"))
            out[experts + ".gate_up_proj"] = torch.stack([torch.cat(pair) for pair in zip(of("gate"), of("up"))])
    return out


def interval(c):
    """Says where attention is as Qwen 3 Next's published configurations do."""
    no_layer_types(c)
    c["full_attention_interval"] = 4


def no_layer_types(c):
    v4(c)
    c.pop("layer_types", None)


def longrope_v4(c):
    v4(c)
    c["rope_scaling"] = dict(type="longrope", short_factor=c["rope_scaling"]["short_factor"], long_factor=c["rope_scaling"]["long_factor"])


def old_names(name):
    """The names of a multimodal model's weights before transformers 4.52."""
    if name == "lm_head.weight":
        return "language_model.lm_head.weight"
    return name.replace("model.language_model.", "language_model.model.").replace("model.vision_tower.", "vision_tower.").replace(
        "model.multi_modal_projector.", "multi_modal_projector.")


def new_names(name):
    for old, new in [("language_model.lm_head.", "lm_head."), ("language_model.model.", "model.language_model."),
                     ("vision_tower.", "model.vision_tower."), ("multi_modal_projector.", "model.multi_modal_projector.")]:
        if name.startswith(old):
            return new + name[len(old):]
    return name


ROPE = lambda kind, theta=10000.0, **more: dict(rope_type=kind, rope_theta=theta, **more)
# name: model_type, configuration, what else
CASES = {
    "llama-dynamic": ("llama", dict(SMALL, max_position_embeddings=24, rope_parameters=ROPE("dynamic", factor=2.0)), dict(config=v4)),
    "llama-linear": ("llama", dict(SMALL, hidden_act="gelu_pytorch_tanh", rope_parameters=ROPE("linear", factor=3.0), attention_bias=True, tie_word_embeddings=True), dict(dtype="float16", config=v4)),
    "llama3-v4": ("llama", dict(SMALL, head_dim=8, rope_parameters=ROPE("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=3.0, original_max_position_embeddings=16)), dict(config=v4, lora=dict(use_rslora=True))),
    "llama-yarn": ("llama", dict(SMALL, rope_parameters=ROPE("yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=0.5, mscale=0.7, mscale_all_dim=0.4, truncate=False), mlp_bias=True), {}),
    "mistral": ("mistral", dict(SMALL, sliding_window=5, head_dim=6), {}),
    "ministral3": ("ministral3", dict(SMALL, head_dim=8, rope_parameters=ROPE("yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.3)), {}),
    "mistral3": ("mistral3", dict(text_config=dict(TEXT, model_type="ministral3", head_dim=8, num_hidden_layers=2, rope_parameters=ROPE("yarn", factor=4.0, original_max_position_embeddings=16, llama_4_scaling_beta=0.3)), vision_config=PIXTRAL, tie_word_embeddings=False), dict(names=new_names)),
    "mistral3-v4": ("mistral3", dict(text_config=dict(TEXT, model_type="mistral", head_dim=8, num_hidden_layers=2, sliding_window=None), vision_config=PIXTRAL, tie_word_embeddings=False), dict(names=old_names, config=v4)),
    "qwen2-window": ("qwen2", dict(SMALL, use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True), dict(lora=dict(use_dora=True))),
    "qwen3-window": ("qwen3", dict(SMALL, head_dim=8, use_sliding_window=True, sliding_window=6, max_window_layers=2, attention_bias=True), dict(config=no_layer_types)),
    "gemma": ("gemma", dict(SMALL, head_dim=8, hidden_act="gelu"), dict(config=v4)),
    "gemma2": ("gemma2", dict(SMALL, hidden_size=24, head_dim=8, query_pre_attn_scalar=12, sliding_window=5, attn_logit_softcapping=4.0, final_logit_softcapping=5.0), {}),
    "gemma3": ("gemma3_text", dict(SMALL, num_hidden_layers=4, head_dim=8, query_pre_attn_scalar=12, sliding_window=5, sliding_window_pattern=3, rope_parameters=dict(full_attention=ROPE("linear", 5000.0, factor=4.0), sliding_attention=ROPE("default", 500.0))), dict(config=no_layer_types)),
    "gemma3-mm": ("gemma3", dict(text_config=dict(TEXT, model_type="gemma3_text", num_hidden_layers=2, head_dim=8, query_pre_attn_scalar=12, sliding_window=5, layer_types=["sliding_attention", "full_attention"]), vision_config=VISION, mm_tokens_per_image=4, image_token_index=46, boi_token_index=45, eoi_token_index=44), dict(names=new_names)),
    "gemma3-mm-v4": ("gemma3", dict(text_config=dict(TEXT, model_type="gemma3_text", num_hidden_layers=6, head_dim=8, query_pre_attn_scalar=256, sliding_window=5, rope_parameters=dict(full_attention=ROPE("linear", 1000000.0, factor=8.0), sliding_attention=ROPE("default", 10000.0))), vision_config=VISION, mm_tokens_per_image=4, image_token_index=46, boi_token_index=45, eoi_token_index=44), dict(names=old_names, config=sparse)),
    "phi4-mini": ("phi3", dict(SMALL, num_attention_heads=2, num_key_value_heads=1, original_max_position_embeddings=16, tie_word_embeddings=True, sliding_window=60, rope_parameters=ROPE("longrope", short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 3.0, 9.0], partial_rotary_factor=0.75)), dict(lora=dict(target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]))),
    "phi3-v4": ("phi3", dict(SMALL, original_max_position_embeddings=16, sliding_window=7, rope_parameters=ROPE("longrope", short_factor=[1.0, 1.2], long_factor=[2.0, 5.0], partial_rotary_factor=1.0)), dict(config=longrope_v4, lora=dict(target_modules=["qkv_proj", "gate_up_proj"]))),
    "granite": ("granite", dict(SMALL, embedding_multiplier=3.0, logits_scaling=2.5, residual_multiplier=0.4, attention_multiplier=0.3, tie_word_embeddings=True, attention_bias=True), dict(lora=dict(lora_alpha=6))),
    "olmo2": ("olmo2", dict(SMALL, attention_bias=True), dict(dtype="float32")),
    "olmo3": ("olmo3", dict(SMALL, num_hidden_layers=4, sliding_window=5, rope_parameters=dict(full_attention=ROPE("yarn", 500000.0, factor=4.0, original_max_position_embeddings=16, attention_factor=1.2), sliding_attention=ROPE("default", 500000.0))), {}),
    "olmo3-v4": ("olmo3", dict(SMALL, num_hidden_layers=4, sliding_window=5, rope_parameters=dict(full_attention=ROPE("yarn", 500000.0, factor=4.0, original_max_position_embeddings=16, attention_factor=1.2), sliding_attention=ROPE("default", 500000.0))), dict(config=no_layer_types)),
    "smollm3": ("smollm3", dict(SMALL, num_hidden_layers=4, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=5, mlp_bias=True), {}),
    "glm4": ("glm4", dict(SMALL, head_dim=8, rope_parameters=ROPE("default", partial_rotary_factor=0.5)), dict(lora=dict(target_modules=FUSED_MLP), config=v4)),
    "exaone4": ("exaone4", dict(SMALL, num_hidden_layers=4, head_dim=8, sliding_window=5, sliding_window_pattern=2, rope_parameters=ROPE("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=3.0, original_max_position_embeddings=16)), {}),
    "mixtral": ("mixtral", dict(SMALL, num_local_experts=4, num_experts_per_tok=2, sliding_window=6), dict(lora=dict(target_modules=ATTENTION))),
    "qwen3moe": ("qwen3_moe", dict(SMALL, head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, norm_topk_prob=False, mlp_only_layers=[1]), dict(lora=dict(target_modules=ATTENTION))),
    "qwen3moe-window": ("qwen3_moe", dict(SMALL, head_dim=8, num_experts=3, num_experts_per_tok=1, moe_intermediate_size=12, norm_topk_prob=True, decoder_sparse_step=2, use_sliding_window=True, sliding_window=4, max_window_layers=1), dict(lora=dict(target_modules=ATTENTION))),
    "granitemoe": ("granitemoe", dict(SMALL, num_local_experts=4, num_experts_per_tok=2, embedding_multiplier=3.0, logits_scaling=2.5, residual_multiplier=0.4, attention_multiplier=0.3, tie_word_embeddings=True), dict(lora=dict(target_modules=ATTENTION))),
    "gptoss": ("gpt_oss", dict(SMALL, num_hidden_layers=4, head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=5, rope_parameters=ROPE("yarn", 150000.0, factor=4.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0, truncate=False)), dict(lora=dict(target_modules=ATTENTION))),
    "gptoss-v4": ("gpt_oss", dict(SMALL, num_hidden_layers=2, head_dim=8, num_local_experts=3, num_experts_per_tok=2, sliding_window=5, rope_parameters=ROPE("default", 150.0)), dict(config=v4, lora=dict(target_modules=ATTENTION))),  # rope_scaling null
    "gptoss-mxfp4": ("gpt_oss", dict(SMALL, hidden_size=32, intermediate_size=32, num_hidden_layers=2, head_dim=8, num_local_experts=3, num_experts_per_tok=2, sliding_window=5), dict(mxfp4=True, lora=dict(target_modules=ATTENTION, target_parameters=EXPERTS))),
    "mixtral-experts": ("mixtral", dict(SMALL, num_hidden_layers=2, num_local_experts=4, num_experts_per_tok=2), dict(lora=dict(target_modules=["q_proj", "v_proj"], target_parameters=EXPERTS))),
    "mixtral-v4": ("mixtral", dict(SMALL, num_hidden_layers=2, num_local_experts=3, num_experts_per_tok=2), dict(v4=True, lora=dict(target_modules=["q_proj", "gate", "w1", "w2", "w3"]))),
    "qwen3moe-experts": ("qwen3_moe", dict(SMALL, head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, norm_topk_prob=True, mlp_only_layers=[1]), dict(lora=dict(use_rslora=True, target_modules=["o_proj"], target_parameters=["mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.down_proj", "mlp.gate.weight", "mlp.up_proj.weight"]))),
    "granitemoe-experts": ("granitemoe", dict(SMALL, num_hidden_layers=2, num_local_experts=4, num_experts_per_tok=2, embedding_multiplier=3.0, logits_scaling=2.5, residual_multiplier=0.4, attention_multiplier=0.3), dict(lora=dict(target_modules=[], target_parameters=["experts.gate_up_proj", "experts.down_proj", "router.weight"], rank_pattern={"experts.down_proj": 3}, alpha_pattern={r"layers\.1\..*gate_up_proj": 6}))),
    "gptoss-experts": ("gpt_oss", dict(SMALL, num_hidden_layers=2, head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=5), dict(lora=dict(target_modules=["q_proj"], target_parameters=EXPERTS + ["mlp.router.weight"]))),
    "lfm2": ("lfm2", dict(SMALL, num_hidden_layers=4, intermediate_size=40, block_multiple_of=5, block_ffn_dim_multiplier=0.9, layer_types=["conv", "full_attention", "conv", "conv"], conv_bias=True, conv_L_cache=4), dict(lora=dict(target_modules=LFM2))),
    "lfm2-v4": ("lfm2", dict(SMALL, num_hidden_layers=3, intermediate_size=40, block_multiple_of=4, layer_types=["conv", "full_attention", "conv"], tie_word_embeddings=False, norm_eps=1e-3, rope_parameters=ROPE("default", 500.0)), dict(config=blocks, lora=dict(target_modules=LFM2))),
    "lfm2moe": ("lfm2_moe", dict(SMALL, num_hidden_layers=4, layer_types=["conv", "full_attention", "conv", "full_attention"], num_dense_layers=1, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, routed_scaling_factor=1.5), dict(lora=dict(target_modules=LFM2[:5], target_parameters=["experts.gate_up_proj", "experts.down_proj", "feed_forward.gate.weight"]))),
    "granite4": ("granitemoehybrid", dict(SMALL, **SPACE, num_hidden_layers=4, layer_types=["linear_attention", "linear_attention", "full_attention", "linear_attention"], num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=20, embedding_multiplier=3.0, logits_scaling=2.5, residual_multiplier=0.4, attention_multiplier=0.3, tie_word_embeddings=True), dict(lora=dict(target_modules=GRANITE4, target_parameters=["experts.gate_up_proj", "experts.down_proj", "router.weight"]))),
    "granite4-dense": ("granitemoehybrid", dict(SMALL, **dict(SPACE, mamba_n_groups=2, mamba_d_head=4, mamba_n_heads=8, mamba_conv_bias=False, mamba_proj_bias=True), layer_types=["linear_attention", "full_attention", "linear_attention"], num_local_experts=0, shared_intermediate_size=24, position_embedding_type="rope", attention_bias=True), dict(config=old_types, lora=dict(target_modules=GRANITE4))),
    "qwen3next": ("qwen3_next", dict(SMALL, **DELTA, **DELTA_EXPERTS, layer_types=["linear_attention", "full_attention"] * 2, mlp_only_layers=[1], attention_bias=True, rope_parameters=ROPE("default", partial_rotary_factor=0.5)), dict(lora=dict(target_modules=MIXERS + ["shared_expert_gate"], target_parameters=EXPERTS + ["mlp.gate.weight"] + SHARED))),
    "qwen3next-v4": ("qwen3_next", dict(SMALL, **DELTA, **DELTA_EXPERTS, decoder_sparse_step=2, norm_topk_prob=False, tie_word_embeddings=True), dict(lora=dict(target_modules=MIXERS + ["shared_expert_gate"]), config=interval)),
    "qwen35": ("qwen3_5_text", dict(SMALL, **DELTA, linear_conv_kernel_dim=3), dict(lora=dict(target_modules=GATED_DELTA))),
    "qwen35-mm": ("qwen3_5", dict(text_config=dict(TEXT, **DELTA, model_type="qwen3_5_text", rope_parameters=ROPE("default", mrope_section=[1, 1, 0], mrope_interleaved=True, partial_rotary_factor=0.5)), vision_config=QWEN_VISION), dict(docs=(70, 6, 150), lora=dict(target_modules=GATED_DELTA))),
    "qwen35moe-mm": ("qwen3_5_moe", dict(text_config=dict({k: v for k, v in TEXT.items() if k != "intermediate_size"}, **DELTA, **DELTA_EXPERTS, model_type="qwen3_5_moe_text"), vision_config=QWEN_VISION, tie_word_embeddings=True), dict(seed=1, tensors=stacked, lora=dict(target_modules=GATED_DELTA))),
    "exaone4-full": ("exaone4", dict(SMALL, num_hidden_layers=2, sliding_window=None, layer_types=["full_attention"] * 2, tie_word_embeddings=True), {}),
}


def ids(seed, n):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(3, 44, (1, n), generator=g)


def random_weights(m):
    for n, p in m.named_parameters():
        with torch.no_grad():
            if p.dim() > 1:
                p.normal_(0, 1.6 / p.shape[-1] ** 0.5)
            elif "norm" in n:
                p.add_(torch.randn_like(p) * 0.1)
            else:
                p.normal_(0, 0.1)
    for n, p in m.named_buffers():
        if n.endswith("expert_bias"):
            p.normal_(0, 0.3)


def pack_mxfp4(m):
    """Rounds the experts of m to MXFP4 and returns what a checkpoint has in their place."""
    from transformers.integrations.mxfp4 import FP4_VALUES, convert_moe_packed_tensors
    packed = {}
    for name, p in m.named_parameters():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            w = p.detach().float().transpose(1, 2)  # outputs as rows
            w = w.reshape(*w.shape[:2], -1, 32)
            exponent = torch.floor(torch.log2(w.abs().amax(-1))).int() - 2
            codes = (torch.ldexp(w, -exponent[..., None])[..., None] - torch.tensor(FP4_VALUES)).abs().argmin(-1).to(torch.uint8)
            packed[name + "_blocks"] = (codes[..., 0::2] | codes[..., 1::2] << 4).contiguous()
            packed[name + "_scales"] = (exponent + 127).to(torch.uint8)
            p.data = convert_moe_packed_tensors(packed[name + "_blocks"], packed[name + "_scales"], dtype=p.dtype)
    return packed


def put_mxfp4(d, packed):
    """Writes the packed experts into a checkpoint, as gpt-oss is published."""
    from safetensors.torch import load_file, save_file
    f = f"{d}/model.safetensors"
    plain = {k: v for k, v in load_file(f).items() if k + "_blocks" not in packed}
    save_file(plain | packed, f, metadata={"format": "pt"})
    c = json.load(open(f"{d}/config.json"))
    c["quantization_config"] = dict(quant_method="mxfp4", modules_to_not_convert=["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"])
    json.dump(c, open(f"{d}/config.json", "w"), indent=2, sort_keys=True)


def write_v4(d, m, lora):
    """Writes an adapter as PEFT did when Mixtral's experts were linear modules of their own."""
    from safetensors.torch import save_file
    r, hidden, inner = lora["r"], m.config.hidden_size, m.config.intermediate_size
    shapes = {"self_attn.q_proj": (hidden, hidden), "block_sparse_moe.gate": (hidden, m.config.num_local_experts)}
    for e in range(m.config.num_local_experts):
        for w in ("w1", "w2", "w3"):
            shapes[f"block_sparse_moe.experts.{e}.{w}"] = (inner, hidden) if w == "w2" else (hidden, inner)
    factors = {}
    for layer in range(m.config.num_hidden_layers):
        for module, (n, out) in shapes.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            factors[f"{name}.lora_A.weight"] = torch.empty(r, n).uniform_(-1, 1) / n ** 0.5
            factors[f"{name}.lora_B.weight"] = torch.randn(out, r) * 0.05
    os.makedirs(d, exist_ok=True)
    save_file(factors, f"{d}/adapter_model.safetensors", metadata={"format": "pt"})
    json.dump(LoraConfig(**lora).to_dict(), open(f"{d}/adapter_config.json", "w"), indent=2, sort_keys=True, default=list)


def name_base(d, name):
    """Says in an adapter's configuration what it is for, and sorts what PEFT has as sets."""
    c = json.load(open(f"{d}/adapter_config.json"))
    c["base_model_name_or_path"] = name
    for key in ("target_modules", "target_parameters"):
        if isinstance(c[key], list):
            c[key].sort()
    json.dump(c, open(f"{d}/adapter_config.json", "w"), indent=2, sort_keys=True)


def write(d, m, names, tensors):
    """save_pretrained, with the weights under the names wanted, or changed otherwise."""
    from safetensors.torch import load_file, save_file
    m.save_pretrained(d)
    os.path.exists(f"{d}/generation_config.json") and os.remove(f"{d}/generation_config.json")
    if names:
        f = f"{d}/model.safetensors"
        save_file({names(k): v for k, v in load_file(f).items()}, f, metadata={"format": "pt"})
    if tensors:
        f = f"{d}/model.safetensors"
        save_file(tensors(load_file(f)), f, metadata={"format": "pt"})


def losses_of(m, docs):
    """Per token log-probabilities, one sequence at a time."""
    out = []
    for x in docs:
        more = dict(token_type_ids=torch.zeros_like(x)) if m.config.model_type == "gemma3" else {}
        lo = m(input_ids=x, **more).logits[0, :-1]
        out.append(torch.log_softmax(lo, -1).gather(1, x[0, 1:, None])[:, 0])
    return out


def make(out, name):
    model_type, config, more = CASES[name]
    seed = sum(map(ord, name)) + more.get("seed", 0)
    d = f"{out}/{name}"
    shutil.rmtree(d, ignore_errors=True)
    torch.manual_seed(seed)
    auto = AutoModelForImageTextToText if "text_config" in config else AutoModelForCausalLM
    m = auto.from_config(AutoConfig.for_model(model_type, **config), attn_implementation="eager")
    random_weights(m)
    packed = pack_mxfp4(m) if "mxfp4" in more else None
    write(d, m.to(getattr(torch, more.get("dtype", "bfloat16"))), more.get("names"), more.get("tensors"))
    if "config" in more:
        c = json.load(open(f"{d}/config.json"))
        more["config"](c)
        json.dump(c, open(f"{d}/config.json", "w"), indent=2, sort_keys=True)
    load = lambda: auto.from_pretrained(d, dtype=torch.float32, attn_implementation="eager").eval()
    m = load()
    exp = dict(nll=[], greedy=[])
    for n in (1, 7, 15, 20, 40):
        x = ids(seed + n, n + 1)
        with torch.no_grad():
            exp["nll"].append(dict(ids=x[0].tolist(), token_logprobs=[round(v, 6) for v in losses_of(m, [x])[0].tolist()]))
    for n in (4, 13):
        x = ids(seed - n, n)
        g = load().generate(x, max_new_tokens=10, do_sample=False, eos_token_id=None, pad_token_id=0)
        exp["greedy"].append(dict(prompt_ids=x[0].tolist(), new_ids=g[0, n:].tolist()))

    lora = dict(r=2, lora_alpha=4, target_modules=LLAMA, bias="none", task_type="CAUSAL_LM")
    lora.update(more.get("lora", {}))
    if "text_config" in config:
        lora["target_modules"] = r".*language_model.*\.(" + "|".join(lora["target_modules"]) + ")"
    torch.manual_seed(seed + 1)
    if "v4" in more:
        write_v4(f"{d}/adapter", m, lora)
        pm = PeftModel.from_pretrained(load(), f"{d}/adapter", is_trainable=True)
    else:
        pm = get_peft_model(load(), LoraConfig(**lora))
    params = {n: p for n, p in pm.named_parameters() if p.requires_grad}
    if "v4" not in more:
        for n, p in params.items():
            if "lora_B" in n:
                torch.nn.init.normal_(p, std=0.05)
        pm.save_pretrained(f"{d}/adapter")
        os.remove(f"{d}/adapter/README.md")
    name_base(f"{d}/adapter", name)
    opt = torch.optim.AdamW(params.values(), lr=5e-3, weight_decay=0.01)
    docs = [[ids(seed + 100 * s + i, n) for i, n in enumerate(more.get("docs", (6, 15, 24)))] for s in range(3)]
    train = dict(docs=[[x[0].tolist() for x in step] for step in docs], losses=[], grad_norms=[], tensor_norms={})
    pm.train()
    for s, step in enumerate(docs):
        loss = -torch.cat(losses_of(pm.base_model.model, step)).mean()
        loss.backward()
        if s == 0:
            train["tensor_norms"] = {n.replace(".default", ""): p.grad.norm().item() for n, p in params.items()}
        train["losses"].append(loss.item())
        train["grad_norms"].append(torch.nn.utils.clip_grad_norm_(params.values(), 1.0).item())
        opt.step()
        opt.zero_grad()
    exp["train"] = train
    if "v4" in more or "target_parameters" in lora:
        pm.save_pretrained(f"{d}/trained")
        os.remove(f"{d}/trained/README.md")
        name_base(f"{d}/trained", name)
    json.dump(exp, open(f"{d}/expected.json", "w"), indent=None)
    if packed:
        put_mxfp4(d, packed)
    print(name, "ok", [round(x, 4) for x in train["losses"]], flush=True)


if __name__ == "__main__":
    for case in sys.argv[2:] or CASES:
        make(sys.argv[1], case)
