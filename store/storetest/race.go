package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/store"
)

const (
	racers = 32
	rounds = 3
)

// readersDuringWrites looks for half-written objects: every body is one repeated byte, so a mixture
// or a wrong length shows.
func (s *suite) readersDuringWrites(t *testing.T) {
	b := s.open()
	const size = 200_000
	body := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, size) }
	put(t, b, "k", string(body(0)), store.Condition{})

	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := readWhole(t.Context(), b, size); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 20 {
		if _, err := b.Put(t.Context(), "k", bytes.NewReader(body(i)), size, store.Condition{}); err != nil {
			t.Errorf("Put: %v", err)
		}
	}
	stop()
	readers.Wait()
}

func readWhole(ctx context.Context, b store.Bucket, size int) error {
	r, obj, err := b.Get(ctx, "k")
	if err != nil {
		return fmt.Errorf("an object vanished during overwrites: %w", err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(data) != size || obj.Size != int64(size) || bytes.Count(data, data[:1]) != size {
		return fmt.Errorf("read a mixture: %d bytes, %d of them %q", len(data), bytes.Count(data, data[:1]), data[:1])
	}
	return nil
}

func (s *suite) createRace(t *testing.T) {
	for range rounds {
		key := uniqueKey("race")
		s.race(t, key, store.Condition{IfAbsent: true}, store.ErrExist)
	}
}

func (s *suite) swapRace(t *testing.T) {
	b := s.open()
	key := uniqueKey("race")
	obj := put(t, b, key, "start", store.Condition{})
	for range rounds {
		s.race(t, key, store.Condition{IfMatch: obj.ETag}, store.ErrPrecondition)
		var err error
		if obj, err = b.Stat(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
}

// race lets writers with two handles put under one condition, and wants exactly one winner, the
// others told so, and the winner's bytes stored.
func (s *suite) race(t *testing.T, key string, cond store.Condition, lost error) {
	t.Helper()
	handles := []store.Bucket{s.open(), s.open()}
	errs := make([]error, racers)
	// An ETag may be a digest of the bytes, so that bodies must differ from earlier rounds', too.
	round := rand.Text()
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range racers {
		done.Go(func() {
			<-start
			body := fmt.Sprintf("round %s writer %d", round, i)
			_, errs[i] = handles[i%2].Put(t.Context(), key, strings.NewReader(body), int64(len(body)), cond)
		})
	}
	close(start)
	done.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("writers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, lost):
			t.Errorf("writer %d: %v, want %v", i, err, lost)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	wantBody(t, handles[0], key, fmt.Sprintf("round %s writer %d", round, winner))
}
