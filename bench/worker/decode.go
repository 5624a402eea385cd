package worker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/trainer/model"
)

// DecodeArgs say what is decoded from.
type DecodeArgs struct {
	Base  string `json:"base"`
	DType string `json:"dtype"` // of the peer's weights
}

// promptTokens are read before the first token that is timed.
const promptTokens = 16

// decodePrompt is ids spread over the vocabulary; the peer computes the same.
func decodePrompt() []int32 {
	ids := make([]int32, promptTokens)
	for i := range ids {
		ids[i] = int32(fixture.FirstWord + i*2999%(fixture.Vocabulary-fixture.FirstWord))
	}
	return ids
}

// newDecode decodes greedily, one sequence; a case is the number of tokens.
func newDecode(text json.RawMessage) (contest.Runner, error) {
	var args DecodeArgs
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
	return func(name string) (contest.Sample, error) {
		var n int
		if _, err := fmt.Sscanf(name, "%d tokens", &n); err != nil {
			return contest.Sample{}, fmt.Errorf("read case %q: %w", name, err)
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
			return contest.Sample{}, err
		}
		return contest.Sample{Seconds: time.Since(began).Seconds(), Work: float64(len(ids) - 1), Check: digestOf(ids)}, nil
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
