package main

func decodeRow() row {
	return row{
		name: "decode", about: "greedy decoding of one sequence, 135M Llama shape, beside what memory bandwidth allows",
		unit: tokensPerSecond, runs: 5, contests: decodeContests, notes: decodeNotes,
	}
}

const decodeCase = "64 tokens"

func decodeContests(b *bench) ([]contest, error) {
	var list []contest
	for _, dtype := range []string{"float32", "bfloat16"} {
		dir, err := b.baseDir(dtype)
		if err != nil {
			return nil, err
		}
		args := decodeArgs{Base: dir, DType: dtype}
		list = append(list, contest{
			name: dtype, cases: []string{decodeCase}, unlike: dtype != "float32",
			sides: []side{
				{label: "cultivar", program: "decode", args: args},
				{label: "torch", peer: true, program: "decode", args: args},
			},
		})
	}
	return list, nil
}

// decodeNotes relates the rates to reading every weight once for every token. The bandwidth is
// that of as many bytes as the weights have: a smaller model may live in a cache.
func decodeNotes(_ *bench, r *report) error {
	const parameters = layers*(2*hidden*hidden+2*hidden*(hidden/heads*kvHeads)+3*hidden*inner) + vocabulary*hidden
	for size, dtype := range []string{2: "bfloat16", 4: "float32"} {
		ours := r.side(dtype, decodeCase, "cultivar")
		if ours == nil {
			continue
		}
		bandwidth := readBandwidth(size * parameters)
		bound := bandwidth / float64(size*parameters)
		r.note("%s: %.0f %% of the bound of %.0f tokens/s (%d MB of weights a token at %.1f GB/s, measured on as many bytes)",
			dtype, 100*ours.Median/bound, bound, size*parameters/1_000_000, bandwidth/1e9)
	}
	return nil
}
