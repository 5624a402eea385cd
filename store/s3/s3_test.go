package s3_test

import (
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/s3"
	"github.com/cultivar/cultivar/store/storetest"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

func open(t testing.TB, url string) *s3.Bucket {
	t.Helper()
	at, err := s3.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s3.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContract(t *testing.T) {
	server := s3server.Start(t)
	storetest.Run(t, func(t testing.TB) func() store.Bucket {
		url := server.NewBucket(t)
		return func() store.Bucket { return open(t, url) }
	}, storetest.NoNesting())
}
