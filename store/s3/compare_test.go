package s3_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/s3"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

// TestHolds: a real server tells the bytes of an object from others of the same size, in parts or not.
func TestHolds(t *testing.T) {
	at, err := s3.ParseURL(s3server.Start(t).NewBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s3.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"small": "content", "large": strings.Repeat("content ", 17<<20/8)} {
		if _, err := b.Put(t.Context(), name, strings.NewReader(body), int64(len(body)), store.Condition{}); err != nil {
			t.Fatal(err)
		}
		for other, want := range map[string]bool{body: true, "d" + body[1:]: false, body[1:]: false} {
			if same, known, err := b.Holds(t.Context(), name, strings.NewReader(other)); same != want || !known || err != nil {
				t.Errorf("%s: same %t, known %t, %v, want %t", name, same, known, err, want)
			}
		}
	}
	if _, _, err := b.Holds(t.Context(), "absent", strings.NewReader("")); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}
