package s3_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/s3"
	"github.com/cultivar/cultivar/store/storetest"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

// answer is what a scripted server says: an S3 error, success, or nothing at all.
type answer struct {
	status int // 0 drops the connection
	code   string
}

var (
	fine         = answer{status: 200}
	drop         = answer{}
	conflict     = answer{409, "ConditionalRequestConflict"}
	precondition = answer{412, "PreconditionFailed"}
)

// scripted runs a server that answers writes in turn, and the last answer forever. It also returns
// the number of requests so far.
func scripted(t *testing.T, answers ...answer) (store.Bucket, *atomic.Int32) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	seen := new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		a := answers[min(int(seen.Add(1)), len(answers))-1]
		switch a.status {
		case 0:
			panic(http.ErrAbortHandler)
		case 200:
			w.Header().Set("ETag", `"e"`)
		default:
			w.WriteHeader(a.status)
			xml.NewEncoder(w).Encode(struct {
				XMLName xml.Name `xml:"Error"`
				Code    string
			}{Code: a.code})
		}
	}))
	t.Cleanup(server.Close)
	return open(t, "s3://bucket?region=r&endpoint="+server.URL), seen
}

func TestErrors(t *testing.T) {
	create, swap := store.Condition{IfAbsent: true}, store.Condition{IfMatch: "old"}
	for _, test := range []struct {
		name     string
		cond     store.Condition
		answers  []answer
		want     error // nil for success
		requests int
	}{
		{"create taken", create, []answer{precondition}, store.ErrExist, 1},
		{"swap lost", swap, []answer{precondition}, store.ErrPrecondition, 1},
		{"swap of absent", swap, []answer{{404, "NoSuchKey"}}, store.ErrPrecondition, 1},
		{"conflict, then fine", create, []answer{conflict, conflict, fine}, nil, 3},
		{"conflict, then lost", create, []answer{conflict, precondition}, store.ErrExist, 2},
		{"conflict for ever", swap, []answer{conflict}, store.ErrPrecondition, 5},
		{"conditions not implemented", create, []answer{{501, "NotImplemented"}}, store.ErrNoConditions, 1},
		{"denied", create, []answer{{403, "AccessDenied"}}, store.ErrReadOnly, 1},
		{"denied without condition", store.Condition{}, []answer{{403, "AccessDenied"}}, store.ErrReadOnly, 1},
		{"server error, then fine", store.Condition{}, []answer{{503, "SlowDown"}, fine}, nil, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, seen := scripted(t, test.answers...)
			_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, test.cond)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if n := int(seen.Load()); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
		})
	}
}

// TestConditionalPutsAreSentOnce is the trap of retries: the first request may have won, and the
// second is then told that it lost.
func TestConditionalPutsAreSentOnce(t *testing.T) {
	for _, first := range []answer{drop, {500, "InternalError"}, {503, "SlowDown"}} {
		b, seen := scripted(t, first, precondition)
		_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{IfAbsent: true})
		if err == nil || errors.Is(err, store.ErrExist) {
			t.Errorf("after %+v: error %v, want one that leaves open who won", first, err)
		}
		if n := seen.Load(); n != 1 {
			t.Errorf("after %+v: %d requests, want 1", first, n)
		}
	}
}

func TestWrongKeyIsNotReadOnly(t *testing.T) {
	b, _ := scripted(t, answer{403, "SignatureDoesNotMatch"})
	_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{})
	if err == nil || errors.Is(err, store.ErrReadOnly) {
		t.Errorf("error %v, want one about the signature", err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
	}))
	defer server.Close()
	b := open(t, "s3://bucket?region=r&endpoint="+server.URL)
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); err == nil || !strings.Contains(err.Error(), "CRC64NVME") {
		t.Errorf("error %v, want one about the checksum", err)
	}
}

func TestRealServer(t *testing.T) {
	server := s3server.Start(t)
	t.Run("Prefix", func(t *testing.T) { testPrefix(t, server.NewBucket(t)) })
	t.Run("NoSuchBucket", func(t *testing.T) { testNoSuchBucket(t, server.Endpoint) })
	t.Run("Abort", func(t *testing.T) { testAbort(t, server.NewBucket(t)) })
}

func testPrefix(t *testing.T, url string) {
	whole := open(t, url)
	part := open(t, strings.Replace(url, "?", "/team/a?", 1))
	for _, b := range []store.Bucket{whole, part} {
		if _, err := b.Put(t.Context(), "k/1", strings.NewReader("x"), 1, store.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for b, want := range map[store.Bucket]string{whole: "k/1 team/a/k/1 ", part: "k/1 "} {
		var keys string
		for obj, err := range b.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			keys += obj.Key + " "
		}
		if keys != want {
			t.Errorf("%s lists %q, want %q", b.URL(), keys, want)
		}
	}
	if again := open(t, part.URL()); again.URL() != part.URL() {
		t.Errorf("URL %s opens as %s", part.URL(), again.URL())
	}
}

func testNoSuchBucket(t *testing.T, endpoint string) {
	b := open(t, "s3://absent-bucket?endpoint="+endpoint)
	_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{})
	if err == nil || errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), "absent-bucket") {
		t.Errorf("Put into an absent bucket: %v", err)
	}
}

// testAbort fails an upload in the middle and looks for parts that stay.
func testAbort(t *testing.T, url string) {
	b := open(t, url)
	body := io.LimitReader(strings.NewReader(strings.Repeat("x", storetest.LargeSize)), storetest.LargeSize-1)
	if _, err := b.Put(t.Context(), "k", body, storetest.LargeSize, store.Condition{}); err == nil {
		t.Fatal("a short body was stored")
	}
	uploads, err := s3.Uploads(context.Background(), b)
	if err != nil || uploads != 0 {
		t.Errorf("%d unfinished uploads (%v)", uploads, err)
	}
}

func TestParseURL(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	const aws = "https://s3.amazonaws.com"
	for raw, want := range map[string]s3.Location{
		"s3://b":              {Endpoint: aws, Bucket: "b"},
		"s3://b/":             {Endpoint: aws, Bucket: "b"},
		"s3://b/p/q/":         {Endpoint: aws, Bucket: "b", Prefix: "p/q/"},
		"s3://b/p?region=r":   {Endpoint: aws, Bucket: "b", Prefix: "p/", Region: "r"},
		"s3://b?insecure=1":   {Endpoint: aws, Bucket: "b", Insecure: true},
		"s3://b/a%20b":        {Endpoint: aws, Bucket: "b", Prefix: "a b/"},
		"s3://b?endpoint=e:1": {Endpoint: "e:1", Bucket: "b"},
	} {
		if got, err := s3.ParseURL(raw); err != nil || got != want {
			t.Errorf("ParseURL(%q) = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", "b", "http://b", "s3:///p", "s3://b/../x", "s3://b//p//q", "s3://b?nosuch=1", "s3://b?insecure=maybe",
		"s3://key:secret@b/p", "s3://b:9000/p", "s3://b#f", "s3://b/%zz", "s3://b?a=%zz",
	} {
		got, err := s3.ParseURL(raw)
		if err == nil {
			t.Errorf("ParseURL(%q) = %+v, want an error", raw, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseURL(%q) prints a secret: %v", raw, err)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", "https://general")
	t.Setenv("AWS_REGION", "here")
	if got, _ := s3.ParseURL("s3://b"); got.Endpoint != "https://general" || got.Region != "here" {
		t.Errorf("from the environment: %+v", got)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "https://special")
	if got, _ := s3.ParseURL("s3://b?region=there"); got.Endpoint != "https://special" || got.Region != "there" {
		t.Errorf("from the environment: %+v", got)
	}
}

func TestOpenRefusesEndpoints(t *testing.T) {
	for _, endpoint := range []string{"", "host:9000", "ftp://host", "https://", "https://k:secret@host", "http://host/path"} {
		if b, err := s3.Open(s3.Location{Endpoint: endpoint, Bucket: "b"}); err == nil {
			t.Errorf("Open with endpoint %q = %v, want an error", endpoint, b.URL())
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("error prints a secret: %v", err)
		}
	}
}

// TestInsecure uses a server whose certificate nobody signed.
func TestInsecure(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"e"`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is expected
	server.StartTLS()
	defer server.Close()
	for insecure, ok := range map[bool]bool{true: true, false: false} {
		b := open(t, fmt.Sprintf("s3://bucket?region=r&insecure=%t&endpoint=%s", insecure, server.URL))
		// A conditional put is sent once; the refusal needs no retries.
		_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{IfAbsent: true})
		if (err == nil) != ok {
			t.Errorf("insecure=%t: %v", insecure, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("s3://b/p?endpoint=https://h:1&region=r&insecure=true")
	f.Add("s3://k:s@b")
	f.Fuzz(func(t *testing.T, raw string) {
		at, err := s3.ParseURL(raw)
		if err == nil && (at.Bucket == "" || at.Endpoint == "" || at.Prefix != "" && !strings.HasSuffix(at.Prefix, "/")) {
			t.Errorf("ParseURL(%q) = %+v", raw, at)
		}
	})
}
