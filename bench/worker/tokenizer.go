package worker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// TokenizerArgs say which vocabulary is tried on which texts.
type TokenizerArgs struct {
	Dir   string `json:"dir"`   // of a model
	Texts string `json:"texts"` // file of a JSON array of strings
}

func newTokenizer(text json.RawMessage) (contest.Runner, error) {
	var args TokenizerArgs
	if err := json.Unmarshal(text, &args); err != nil {
		return nil, err
	}
	tok, err := tokenizer.Open(args.Dir)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(args.Texts)
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(args.Texts), err)
	}
	return func(string) (contest.Sample, error) {
		ids := make([][]int32, len(texts))
		size := 0
		began := time.Now()
		for i, t := range texts {
			ids[i] = tok.Encode(t, true)
			size += len(t)
		}
		seconds := time.Since(began).Seconds()
		return contest.Sample{Seconds: seconds, Work: float64(size), Check: digestOfAll(ids)}, nil
	}, nil
}

// digestOfAll names lists of ids, each with its length before it.
func digestOfAll(lists [][]int32) string {
	h := sha256.New()
	var buf []byte
	for _, ids := range lists {
		buf = binary.LittleEndian.AppendUint32(buf[:0], uint32(len(ids)))
		for _, id := range ids {
			buf = binary.LittleEndian.AppendUint32(buf, uint32(id))
		}
		_, _ = h.Write(buf) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
