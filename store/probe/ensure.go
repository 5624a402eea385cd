package probe

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cultivar/cultivar/store"
)

// Marker is what Ensure leaves in a bucket that passed.
type Marker struct {
	URL     string    `json:"url"`
	Checked time.Time `json:"checked_at"`
}

// MarkerKey is where Ensure leaves its mark for a bucket. The name follows from the URL, so that a
// copy of the bucket in another store is tried again.
func MarkerKey(b store.Bucket) string {
	sum := sha256.Sum256([]byte(b.URL()))
	return dir + "passed/" + hex.EncodeToString(sum[:8]) + ".json"
}

// Ensure refuses, with store.ErrNoConditions, a bucket that does not apply conditional puts. It tries
// two puts and notes the success in the bucket, so that later calls cost one Stat. Whoever asks is about to write:
// what killed writers left is removed first, also when there turns out to be nothing to write.
func Ensure(ctx context.Context, b store.Bucket) error {
	if s, ok := b.(store.Sweeper); ok {
		s.Sweep()
	}
	marker := MarkerKey(b)
	_, err := b.Stat(ctx, marker)
	if err == nil {
		return nil
	}
	if !errors.Is(err, store.ErrNotExist) {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	p := &prober{b: b}
	err = createTwice(ctx, p.put, p.wantBody, dir+strings.ToLower(rand.Text()))
	if cleanErr := p.clean(ctx); err == nil {
		err = cleanErr
	}
	if err != nil {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	note, err := json.Marshal(Marker{URL: b.URL(), Checked: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	_, err = b.Put(ctx, marker, strings.NewReader(string(note)), int64(len(note)), store.Condition{IfAbsent: true})
	if err != nil && !errors.Is(err, store.ErrExist) {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	return nil
}
