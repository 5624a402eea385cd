package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/bounded"
)

// ErrDamaged means that a checkpoint is not what was saved.
var ErrDamaged = errors.New("checkpoint is damaged")

const maxInfo = 1 << 20 // bytes of progress.json

// info is progress.json. Its digests find a bit that has turned, in the state or in info itself; checkpoints of
// older programs have none.
type info struct {
	Progress
	StateDigest string `json:"state_digest,omitempty"` // of state.safetensors
	Digest      string `json:"digest,omitempty"`       // of this with an empty digest, as Go encodes it
}

// seal completes the info of the state in dir and writes it.
func seal(dir string, p Progress) error {
	state, err := fileDigest(filepath.Join(dir, stateFile))
	if err != nil {
		return err
	}
	i := info{Progress: p, StateDigest: state}
	if i.Digest, err = i.sum(); err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(dir, infoFile), i)
}

func (i info) sum() (string, error) {
	i.Digest = ""
	text, err := json.Marshal(i)
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), err
}

// open reads the info in dir and holds it, and the state beside it, to their digests. What was never whole, or
// is not any more, is ErrDamaged.
func open(dir string) (Progress, error) {
	text, err := bounded.ReadFile(filepath.Join(dir, infoFile), maxInfo)
	if err != nil {
		return Progress{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var i info
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a key in which a bit has turned
	if err := d.Decode(&i); err != nil {
		return Progress{}, fmt.Errorf("%w: %s: %w", ErrDamaged, infoFile, err)
	}
	if i.Digest == "" && i.StateDigest == "" {
		return i.Progress, nil
	}
	if sum, err := i.sum(); err != nil || sum != i.Digest {
		return Progress{}, fmt.Errorf("%w: %s has another digest", ErrDamaged, infoFile)
	}
	state, err := fileDigest(filepath.Join(dir, stateFile))
	if err != nil || state != i.StateDigest {
		return Progress{}, errors.Join(fmt.Errorf("%w: %s has another digest", ErrDamaged, stateFile), err)
	}
	return i.Progress, nil
}

func fileDigest(path string) (string, error) {
	f, err := bounded.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}
