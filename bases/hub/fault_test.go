package hub

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/bases/hub/hubtest"
	"github.com/cultivar/cultivar/internal/secret"
)

// part sends the first n bytes of the weights and drops the connection.
func part(w http.ResponseWriter, n int) bool {
	w.Header().Set("Content-Length", strconv.Itoa(len(weights)))
	_, _ = w.Write(weights[:n])
	panic(http.ErrAbortHandler)
}

// TestFaults: what passes by itself is tried again, and the file is right in the end.
func TestFaults(t *testing.T) {
	hub := func(f func(w http.ResponseWriter, n int) bool) func(http.ResponseWriter, *http.Request, string, int) bool {
		return func(w http.ResponseWriter, _ *http.Request, host string, n int) bool { return host == "hub" && f(w, n) }
	}
	files := func(f func(w http.ResponseWriter, r *http.Request, n int) bool) func(http.ResponseWriter, *http.Request, string, int) bool {
		return func(w http.ResponseWriter, r *http.Request, host string, n int) bool {
			return host == "files" && f(w, r, n)
		}
	}
	for _, c := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request, string, int) bool
		waits []time.Duration // some of those that must have happened
	}{
		{"every first answer is 500", hub(func(w http.ResponseWriter, n int) bool {
			if n == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return n == 1
		}), []time.Duration{time.Second}},
		{"429 with seconds", hub(func(w http.ResponseWriter, n int) bool {
			if n == 1 {
				w.Header().Set("Retry-After", "17")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return n == 1
		}), []time.Duration{17 * time.Second}},
		{"429 with a window", hub(func(w http.ResponseWriter, n int) bool {
			if n == 1 {
				w.Header().Set("RateLimit", `"api";r=0;t=55`)
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return n == 1
		}), []time.Duration{55 * time.Second}},
		{"waits double", hub(func(w http.ResponseWriter, n int) bool {
			if n <= 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n <= 3
		}), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		{"dropped before the headers", files(func(_ http.ResponseWriter, _ *http.Request, n int) bool {
			if n <= 2 {
				panic(http.ErrAbortHandler)
			}
			return false
		}), nil},
		{"dropped ten times, with progress", files(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 10 {
				return false
			}
			from := 0
			if text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
				from, _ = strconv.Atoi(strings.TrimSuffix(text, "-"))
				w.Header().Set("Content-Range", "bytes "+text+strconv.Itoa(len(weights)-1)+"/"+strconv.Itoa(len(weights)))
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(weights[from : from+10_000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}), nil},
		{"dropped, then a server without ranges", files(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 1 {
				return part(w, 100_000)
			}
			r.Header.Del("Range")
			return false
		}), nil},
		{"dropped, then another range", files(func(w http.ResponseWriter, r *http.Request, n int) bool {
			switch n {
			case 1:
				return part(w, 100_000)
			case 2:
				r.Header.Set("Range", "bytes=5-")
			}
			return false
		}), nil},
		{"cut short without saying so", files(func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 1 {
				_, _ = w.Write(weights[:1000])
			}
			return n == 1
		}), nil},
		{"one damaged byte, once", files(func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 1 {
				_, _ = w.Write(append([]byte{'X'}, weights[1:]...))
			}
			return n == 1
		}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := hubtest.New(t)
			s.Fault = c.fault
			s.Add("org/name", model())
			h, waited := client(t, s)
			dir, err := h.Snapshot(t.Context(), parse(t, "hf://org/name"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "model.safetensors")); err != nil || string(got) != string(weights) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			for _, d := range c.waits {
				if !slices.Contains(*waited, d) {
					t.Errorf("waited %v, want %v among them", *waited, d)
				}
			}
			for _, name := range names(t, filepath.Join(h.cfg.Cache, "models--org--name", "blobs")) {
				if strings.HasSuffix(name, ".incomplete") {
					t.Errorf("%s was left", name)
				}
			}
		})
	}
}

// refusal is something that does not pass, and what is said about it.
type refusal struct {
	name, ref, token string
	change           func(*hubtest.Server)
	is               error
	msg, way         string
}

func refusals() []refusal {
	with := func(name string, content string) func(*hubtest.Server) {
		return func(s *hubtest.Server) {
			files := model()
			files[name] = []byte(content)
			s.Add("org/name", files)
		}
	}
	without := func(names ...string) func(*hubtest.Server) {
		return func(s *hubtest.Server) {
			files := model()
			for _, n := range names {
				delete(files, n)
			}
			s.Add("org/name", files)
		}
	}
	answer := func(status int, header ...string) func(*hubtest.Server) {
		return func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
				for i := 0; i < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(status)
				return true
			}
		}
	}
	return []refusal{
		{"no such model", "hf://org/other", "", nil, ErrNotFound, "org/other is not on 127.0.0.1", "check the name; a private model needs a token"},
		{"private", "hf://org/name", "", func(s *hubtest.Server) { s.Repo("org/name").Private = true }, ErrNotFound, "or it is private", "HF_TOKEN"},
		{"gated", "hf://org/name", "", func(s *hubtest.Server) { s.Repo("org/name").Gated = true }, ErrGated, "org/name is gated: its owner wants you to accept a licence first", "/org/name and put a token of that account into HF_TOKEN"},
		{"gated, other account", "hf://org/name", "t", answer(403, "X-Error-Code", "GatedRepo"), ErrGated, "gated", "the account that your token belongs to"},
		{"bad token", "hf://org/name", "wrong", nil, ErrDenied, "does not accept the token", "HF_TOKEN"},
		{"forbidden", "hf://org/name", "t", answer(403, "X-Error-Message", "no\tpe"), ErrDenied, "does not let you read org/name: nope", "token"},
		{"revision", "hf://org/name@v9", "", nil, ErrNotFound, "org/name has no revision v9", "/org/name/tree/main"},
		{"commit", "hf://org/name@" + strings.Repeat("1", 40), "", nil, ErrNotFound, "has no revision 1111", "tree/main"},
		{"file", "hf://org/name/x.gguf", "", nil, ErrNotFound, "org/name has no file x.gguf", ""},
		{"pickle", "hf://org/name", "", without("model.safetensors"), ErrUnusable, "only pickled weights", "refs/pr/1"},
		{"gguf", "hf://org/name", "", func(s *hubtest.Server) { s.Add("org/name", map[string][]byte{"a.gguf": nil}) }, ErrUnusable, "there are a.gguf", "hf://org/name/FILE.gguf"},
		{"no config", "hf://org/name", "", without("config.json"), ErrUnusable, "has no config.json", ""},
		{"traversal", "hf://org/name", "", with("../../evil", "x"), ErrCorrupt, `"../../evil" leads out`, ""},
		{"absolute", "hf://org/name", "", with("/etc/evil", "x"), ErrCorrupt, "leads out", ""},
		{"windows", "hf://org/name", "", with(`..\evil`, "x"), ErrCorrupt, "leads out", ""},
		{"traversal on a mirror", "hf://org/name", "", func(s *hubtest.Server) { s.NoTree = true; with("../evil", "x")(s) }, ErrCorrupt, "leads out", ""},
		{"shards elsewhere", "hf://org/name", "", func(s *hubtest.Server) {
			without("model.safetensors")(s)
			s.Add("org/name", map[string][]byte{"config.json": nil, "model.safetensors.index.json": []byte(`{"weight_map":{"a":"../../x.safetensors"}}`)})
		}, ErrUnusable, `names "../../x.safetensors", which is not there`, ""},
		{"no index", "hf://org/name", "", func(s *hubtest.Server) {
			s.Add("org/name", map[string][]byte{"config.json": nil, "model.safetensors.index.json": []byte(`[`)})
		}, ErrUnusable, "is no index", ""},
		{"no JSON", "hf://org/name", "", func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
				_, _ = io.WriteString(w, "<html>log in</html>")
				return true
			}
		}, ErrUnreachable, "does not answer as a hub does", "HF_ENDPOINT"},
		{"no commit", "hf://org/name", "", func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
				_, _ = io.WriteString(w, `{"sha":"../../x"}`)
				return true
			}
		}, ErrUnreachable, "does not say which commit", "HF_ENDPOINT"},
		{"down", "hf://org/name", "", answer(503), ErrUnreachable, "answers 503 Service Unavailable", "run the same command again"},
		{"a day", "hf://org/name", "", answer(429, "Retry-After", "86400"), ErrUnreachable, "asks to wait 24h0m0s", "again"},
		{"teapot", "hf://org/name", "", answer(418, "X-Error-Message", "short\nand stout"), ErrUnreachable, "status 418", ""},
		{"damaged", "hf://org/name", "", func(s *hubtest.Server) {
			s.Damage = func(_ string, c []byte) []byte { return append([]byte{'X'}, c[1:]...) }
		}, ErrCorrupt, "does not have the digest that the hub lists", ""},
		{"longer", "hf://org/name", "", func(s *hubtest.Server) {
			s.Damage = func(_ string, c []byte) []byte { return append(c[:len(c):len(c)], c...) }
		}, ErrCorrupt, "is longer than the hub lists", ""},
		{"truncated", "hf://org/name", "", func(s *hubtest.Server) {
			s.Damage = func(_ string, c []byte) []byte { return c[:len(c)/2] }
		}, ErrUnreachable, "ends the connection early", "run the same command again"},
		{"other etag", "hf://org/name", "", func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request, _ string, _ int) bool {
				if !strings.Contains(r.URL.Path, "/resolve/") {
					return false
				}
				w.Header().Set("ETag", `"`+strings.Repeat("0", 40)+`"`)
				return true
			}
		}, ErrCorrupt, "another ETag", ""},
	}
}

// TestRefusals: what does not pass is one line with the way out, and the cache has no whole file
// that is wrong.
func TestRefusals(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			s := hubtest.New(t)
			s.Add("org/name", model())
			if c.change != nil {
				c.change(s)
			}
			h, _ := client(t, s)
			if c.token != "" {
				s.Token = "t"
				h.cfg.Token = secret.New(c.token)
			}
			_, err := h.Snapshot(t.Context(), parse(t, c.ref))
			var e *Error
			if !errors.Is(err, c.is) || !errors.As(err, &e) {
				t.Fatalf("error is %v, want %v", err, c.is)
			}
			if !strings.Contains(err.Error(), c.msg) || !strings.Contains(e.Way, c.way) || strings.ContainsAny(err.Error(), "\n\x01") {
				t.Errorf("got %q, way %q\nwant %q, %q", err, e.Way, c.msg, c.way)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a signed address is shown: %v", err)
			}
			for _, name := range names(t, h.cfg.Cache) {
				if strings.HasPrefix(name, "models--org--name/refs/") {
					t.Errorf("%s was written", name)
				}
			}
			if all := names(t, filepath.Dir(h.cfg.Cache)); slices.ContainsFunc(all, func(n string) bool { return strings.Contains(n, "evil") }) {
				t.Errorf("files are %v", all)
			}
		})
	}
}

// TestRedirections: endless ones, and those that leave encryption.
func TestRedirections(t *testing.T) {
	s := hubtest.New(t)
	s.Add("org/name", model())
	s.Fault = func(w http.ResponseWriter, r *http.Request, _ string, _ int) bool {
		http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		return true
	}
	h, _ := client(t, s)
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); err == nil || !strings.Contains(err.Error(), "redirection refused") {
		t.Errorf("endless redirections: %v", err)
	}
	request := func(url string) *http.Request {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer t")
		return r
	}
	for _, c := range []struct {
		from, to string
		ok, kept bool
	}{
		{"https://a.example/x", "https://a.example/y", true, true},
		{"https://a.example/x", "https://b.example/y", true, false},
		{"https://a.example/x", "https://sub.a.example/y", true, false},
		{"https://a.example/x", "https://a.example:8443/y", true, false},
		{"https://a.example/x", "http://a.example/y", false, true},
		{"http://a.example/x", "https://a.example/y", true, false},
	} {
		next := request(c.to)
		err := redirect(next, []*http.Request{request(c.from)})
		if kept := next.Header.Get("Authorization") != ""; (err == nil) != c.ok || err == nil && kept != c.kept {
			t.Errorf("%s to %s: error %v, token kept %v", c.from, c.to, err, kept)
		}
	}
}

// TestStall: a connection that falls silent is given up and begun anew.
func TestStall(t *testing.T) {
	s := hubtest.New(t)
	s.Add("org/name", model())
	s.Fault = func(w http.ResponseWriter, r *http.Request, host string, n int) bool {
		if host != "files" || n > 1 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(weights)))
		_, _ = w.Write(weights[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	h, _ := client(t, s)
	h.cfg.stall = 100 * time.Millisecond
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); err != nil {
		t.Fatal(err)
	}
}

// TestHelperDownload is the process that TestKill kills.
func TestHelperDownload(t *testing.T) {
	endpoint := os.Getenv("HUB_TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("runs as a process of TestKill")
	}
	h := New(Config{Endpoint: endpoint, Cache: os.Getenv("HUB_TEST_CACHE")})
	_, err := h.Snapshot(t.Context(), Ref{Repo: "org/name", Revision: "main"})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKill: a process killed in the middle leaves nothing that counts as there, holds no lock, and
// the next one goes on where it was.
func TestKill(t *testing.T) {
	s := hubtest.New(t)
	files := model()
	large := bytes.Repeat(weights, 8)
	files["model.safetensors"] = large
	h, _ := client(t, s)
	reached := make(chan struct{})
	s.Fault = func(w http.ResponseWriter, r *http.Request, host string, n int) bool {
		if host != "files" || n > 1 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(large)))
		_, _ = w.Write(large[:3_000_000])
		w.(http.Flusher).Flush()
		close(reached)
		<-r.Context().Done()
		return true
	}
	s.Add("org/name", files)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(self, "-test.run=^TestHelperDownload$")
	process.Env = append(os.Environ(), "HUB_TEST_ENDPOINT="+s.URL, "HUB_TEST_CACHE="+h.cfg.Cache)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	blobs := filepath.Join(h.cfg.Cache, "models--org--name", "blobs")
	for wait := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		list, _ := filepath.Glob(filepath.Join(blobs, "*.incomplete"))
		if slices.ContainsFunc(list, func(p string) bool { info, err := os.Stat(p); return err == nil && info.Size() > 10_000 }) {
			break
		}
		if time.Since(wait) > 20*time.Second {
			t.Fatal("nothing is written")
		}
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	h.cfg.Offline = true
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); !errors.Is(err, ErrOffline) {
		t.Errorf("half a download counts as there: %v", err)
	}
	h.cfg.Offline = false
	s.Requests()
	had := int64(0)
	h.cfg.OnStart = func(_ int, _, n int64) { had = n }
	dir, err := h.Snapshot(t.Context(), parse(t, "hf://org/name"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "model.safetensors")); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	resumed := slices.ContainsFunc(s.Requests(), func(r hubtest.Request) bool { return r.Host == "files" && strings.HasPrefix(r.Range, "bytes=") })
	if !resumed || had == 0 {
		t.Errorf("the download began anew (%d bytes were there)", had)
	}
}
