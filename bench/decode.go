package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/trainer/model"
)

// decodeArgs say what is decoded from.
type decodeArgs struct {
	Base  string `json:"base"`
	DType string `json:"dtype"` // of the peer's weights
}

// promptTokens are read before the first token that is timed.
const promptTokens = 16

// decodePrompt is ids spread over the vocabulary; the peer computes the same.
func decodePrompt() []int32 {
	ids := make([]int32, promptTokens)
	for i := range ids {
		ids[i] = int32(firstWord + i*2999%(vocabulary-firstWord))
	}
	return ids
}

// newDecodeWorker decodes greedily, one sequence; a case is the number of tokens.
func newDecodeWorker(text json.RawMessage) (runner, error) {
	var args decodeArgs
	if err := json.Unmarshal(text, &args); err != nil {
		return nil, err
	}
	b, err := bases.Open(args.Base, model.Families())
	if err != nil {
		return nil, err
	}
	m, err := model.New(b.Config(), b, model.Attachment{})
	if err != nil {
		return nil, err
	}
	return func(name string) (sample, error) {
		var n int
		if _, err := fmt.Sscanf(name, "%d tokens", &n); err != nil {
			return sample{}, fmt.Errorf("read case %q: %w", name, err)
		}
		var ids []int32
		var began time.Time
		// The first token comes with the prompt and is not timed.
		err := generate.All(context.Background(), m.NewBatch(1), [][]int32{decodePrompt()}, generate.Options{MaxNewTokens: n + 1}, func(_ int, id int32) bool {
			if ids = append(ids, id); len(ids) == 1 {
				began = time.Now()
			}
			return true
		})
		if err != nil {
			return sample{}, err
		}
		return sample{Seconds: time.Since(began).Seconds(), Work: float64(len(ids) - 1), Check: digestOf(ids)}, nil
	}, nil
}

// digestOf names a list of ids.
func digestOf(ids []int32) string {
	h := sha256.New()
	var word [4]byte
	for _, id := range ids {
		binary.LittleEndian.PutUint32(word[:], uint32(id))
		_, _ = h.Write(word[:]) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sweepRuns over memory are measured after a turn, and take as long as some tens of tokens.
const sweepRuns = 11

// readBandwidth is the median rate of some sweeps over memory on all threads, in bytes a second: what
// decoding, which reads every weight once for a token, can reach.
func readBandwidth(data []float32) float64 {
	const grain = 1 << 16
	sums := make([]float32, len(data)/grain+1)
	var rates []float64
	for range sweepRuns {
		began := time.Now()
		parallel.For(len(data), grain, func(lo, hi int) { sums[lo/grain] = vec.Sum(data[lo:hi]) })
		rates = append(rates, float64(4*len(data))/time.Since(began).Seconds())
	}
	return median(rates)
}
