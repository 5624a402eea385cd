// Package split assigns documents to training, validation and test by a stable hash of their
// identity: no order, no shared random stream, so that adding documents moves none of the others.
package split

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Config says how much goes where; what is left is for training.
type Config struct {
	// Share of the documents to measure with during training.
	Validation float64 `yaml:"validation" json:"validation"`
	// Share of the documents to measure with afterwards.
	Test float64 `yaml:"test" json:"test"`
	// Of the assignment, which is by a hash of each document's identity.
	Seed uint64 `yaml:"seed" json:"seed"`
}

// Validate reports fractions that are not fractions.
func (c Config) Validate() error {
	// Written so that NaN fails.
	if !(c.Validation >= 0 && c.Test >= 0 && c.Validation+c.Test <= 1) {
		return fmt.Errorf("split validation %v, test %v: want fractions with a sum of at most 1", c.Validation, c.Test)
	}
	return nil
}

// Assign returns the split of a document. Near-duplicates go together: a member of a cluster is
// assigned by the cluster's name, which is the winner's doc_id.
//
// Test is cut first and validation after it, so that a test set stays the same when the validation
// fraction changes, and grows without losing a document when its own does.
func (c Config) Assign(docID, dupCluster string) datasets.Split {
	key := docID
	if dupCluster != "" {
		key = dupCluster
	}
	switch u := c.uniform(key); {
	case u < c.Test:
		return datasets.Test
	case u < c.Test+c.Validation:
		return datasets.Validation
	}
	return datasets.Train
}

// PromptKey names the cluster of all rows that answer the same prompt: a digest of what its messages
// say. White space does not count.
func PromptKey(prompt []datasets.Message) string {
	h := sha256.New()
	for _, m := range prompt {
		for _, text := range append([]string{m.Role, m.Content}, m.Parts...) {
			for word := range strings.FieldsSeq(text) {
				h.Write(append([]byte(word), ' '))
			}
			h.Write([]byte{0})
		}
	}
	return "prompt:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// uniform maps (seed, key) to [0, 1): the top 53 bits of SHA-256 over the seed, big endian, and the
// key. A float64 holds 53 bits exactly.
func (c Config) uniform(key string) float64 {
	h := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, c.Seed), key...))
	return float64(binary.BigEndian.Uint64(h[:8])>>11) / (1 << 53)
}
