package cas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest names content: "sha256:" and 64 lower-case hex digits, as in OCI.
type Digest string

const algorithm = "sha256:"

// ParseDigest checks the form of a digest.
func ParseDigest(s string) (Digest, error) {
	name, ok := strings.CutPrefix(s, algorithm)
	if !ok || len(name) != 2*sha256.Size || strings.ToLower(name) != name {
		return "", fmt.Errorf("bad digest %.80q: want sha256: and 64 lower-case hex digits", s)
	}
	if _, err := hex.DecodeString(name); err != nil {
		return "", fmt.Errorf("bad digest %.80q: want sha256: and 64 lower-case hex digits", s)
	}
	return Digest(s), nil
}

// Sum digests bytes.
func Sum(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(algorithm + hex.EncodeToString(sum[:]))
}

func digestOf(h hash.Hash) Digest { return Digest(algorithm + hex.EncodeToString(h.Sum(nil))) }

// Hex returns the digits alone.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), algorithm) }

// Short returns the first 12 digits, for people.
func (d Digest) Short() string { return d.Hex()[:min(12, len(d.Hex()))] }
