#!/usr/bin/env bash
# Trains the same small base and the same adapter with every implementation of the kernels that
# this machine has, on one and on two threads, and compares what they end with bit by bit.
#
#   tools/determinism.sh CULTIVAR SEEDLING                      this machine
#   tools/determinism.sh CULTIVAR SEEDLING EMULATOR CULTIVAR2   and a binary for another architecture
set -euo pipefail
bin=$(realpath "$1")
seedling=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CULTIVAR_HOME=$dir/home
unset CULTIVAR_CPU

cat >"$dir/base.yaml" <<'YAML'
name: tiny
hidden_size: 48
intermediate_size: 112
num_hidden_layers: 2
num_attention_heads: 3
num_key_value_heads: 3
vocab_size: 384
corpus_tokens: 2400
max_seq_length: 128
batch_size: 4
warmup_steps: 2
save_steps: 0
eval_steps: 0
YAML
cat >"$dir/train.yaml" <<'YAML'
lora: {r: 4, lora_alpha: 8, target_modules: all-linear, lora_dropout: 0.1}
max_seq_length: 72
batch_size: 3
micro_batch_size: 2
max_steps: 4
learning_rate: 0.005
eval_fraction: 0
YAML
for day in 2 4 6 8 10 12; do
	printf '{"text": "The balance of room %d is checked on day %d, before the first weighing."}\n' $((day * 7)) "$day"
done >"$dir/rows.jsonl"

quietly() { "$@" >/dev/null 2>"$dir/log" || { cat "$dir/log" >&2; return 1; }; }

want=
# fit LABEL COMMAND… trains the adapter on the base and compares its digest with the first.
fit() {
	local out got label=$1
	out=$(mktemp -d "$dir/out.XXXXXX")
	shift
	quietly "$@" train --base "$dir/base" --data "$dir/rows.jsonl" --config "$dir/train.yaml" --out "$out/adapter"
	got=$(sha256sum <"$out/adapter/adapter_model.safetensors" | cut -d' ' -f1)
	printf '%-18s %s\n' "$label" "$got"
	[ -z "$want" ] || [ "$got" = "$want" ] || { echo "determinism: the adapter of $label differs" >&2; return 1; }
	want=$got
}

# each LABEL COMMAND… fits with every implementation that a binary has where it runs.
each() {
	local cpu threads ran= label=$1
	shift
	for cpu in generic avx2 avx512 neon; do
		CULTIVAR_CPU=$cpu "$@" version >/dev/null 2>&1 || continue
		for threads in 1 2; do
			CULTIVAR_CPU=$cpu GOMAXPROCS=$threads fit "$label$cpu/$threads" "$@"
		done
		ran+=" $cpu"
	done
	[ -n "$ran" ] || { echo "determinism: no implementation ran" >&2; exit 1; }
	implementations=$ran
}

quietly "$seedling" -config "$dir/base.yaml" -out "$dir/base"
each "" "$bin"
for cpu in $implementations; do
	CULTIVAR_CPU=$cpu quietly "$seedling" -config "$dir/base.yaml" -out "$dir/$cpu"
	cmp "$dir/base/model.safetensors" "$dir/$cpu/model.safetensors"
done
if [ $# -gt 3 ]; then # an emulator is too slow for more
	each emulated- "$3" "$(realpath "$4")"
fi
