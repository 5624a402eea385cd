// Package worker is our side of what is measured: each worker is loaded once, in a process of its own, and does
// one run of a case when it is asked.
package worker

import "github.com/cultivar/cultivar/bench/contest"

// All are our sides by name.
func All() contest.Workers {
	return contest.Workers{
		"train":     newTrain,
		"gemm":      NewGemm,
		"attention": newAttention,
		"decode":    newDecode,
		"tokenizer": newTokenizer,
		"startup":   newStartup,
	}
}
