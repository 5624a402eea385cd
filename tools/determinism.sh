#!/usr/bin/env bash
# Trains the same small base and the same adapter with every implementation of the kernels that
# this machine has, on one and on two threads, and compares what they end with bit by bit.
#
#   tools/determinism.sh CULTIVAR
set -euo pipefail
bin=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/base.yaml" <<'YAML'
name: tiny
hidden_size: 64
intermediate_size: 176
num_hidden_layers: 2
num_attention_heads: 4
num_key_value_heads: 4
vocab_size: 512
corpus_tokens: 12000
max_seq_length: 256
batch_size: 4
warmup_steps: 2
save_steps: 0
eval_steps: 0
YAML
cat >"$dir/train.yaml" <<'YAML'
lora: {r: 8, lora_alpha: 16, target_modules: all-linear, lora_dropout: 0.1}
max_seq_length: 128
batch_size: 4
micro_batch_size: 2
max_steps: 6
learning_rate: 0.005
eval_fraction: 0
YAML
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	printf '{"text": "The balance of room %d is checked on day %d of each month, before the first weighing, by whoever opens the room."}\n' "$i" $((i * 2))
done >"$dir/rows.jsonl"

# files DIR prints one digest over the weights that a run ended with.
digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

want=
for cpu in generic avx2 avx512 neon; do
	CULTIVAR_CPU=$cpu "$bin" version >/dev/null 2>&1 || continue # not on this machine
	for threads in 1 2; do
		out=$dir/$cpu-$threads
		export CULTIVAR_CPU=$cpu GOMAXPROCS=$threads CULTIVAR_HOME=$dir/home
		"$bin" pretrain --config "$dir/base.yaml" --out "$out/base" >/dev/null 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
		"$bin" train --base "$out/base" --data "$dir/rows.jsonl" --config "$dir/train.yaml" --out "$out/adapter" >/dev/null 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
		got=$(digest "$out"/base/model*.safetensors "$out/base/tokenizer.json" "$out/adapter/adapter_model.safetensors")
		printf '%-8s %d thread(s)  %s\n' "$cpu" "$threads" "$got"
		if [ -n "$want" ] && [ "$got" != "$want" ]; then
			echo "determinism: $cpu on $threads thread(s) differs" >&2
			exit 1
		fi
		want=$got
	done
done
[ -n "$want" ] || { echo "determinism: no implementation ran" >&2; exit 1; }
