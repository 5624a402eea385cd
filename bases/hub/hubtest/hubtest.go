// Package hubtest is a hub for tests: a server that speaks as much of the Hugging Face Hub's API as
// is needed to download a model, with its files on a second host, and with faults on purpose.
package hubtest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Repo is a model on the server.
type Repo struct {
	Commits map[string]map[string][]byte // files by commit
	Refs    map[string]string            // commits by branch and tag
	Private bool                         // unknown to who has no token
	Gated   bool                         // listed for everybody, files only with a token
}

// Server is a hub. Its fields may be set while no request runs, and before the last call of Add.
type Server struct {
	URL string
	// Token is what private and gated models want.
	Token string
	// PageSize is how many files are on a page of a listing; 0: all.
	PageSize int
	// NoTree makes it a mirror without that endpoint.
	NoTree bool
	// Fault sees every request first and reports whether it has answered it. host is "hub" or
	// "files", n counts the requests for this path from 1.
	Fault func(w http.ResponseWriter, r *http.Request, host string, n int) bool
	// Damage changes what is sent of a file's content; the listing stays as it is.
	Damage func(path string, content []byte) []byte

	mu    sync.Mutex
	repos map[string]*Repo
	log   []Request
	files string // URL of the second host
}

// Request is one that was made.
type Request struct {
	Host, Method, Path, Range, Authorization string
}

// New starts a hub that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{repos: map[string]*Repo{}}
	hub := httptest.NewServer(s.handler("hub", s.serveHub))
	files := httptest.NewServer(s.handler("files", s.serveFiles))
	t.Cleanup(hub.Close)
	t.Cleanup(files.Close)
	s.URL, s.files = hub.URL, files.URL
	return s
}

// Add puts a model on the server, with one commit, which main means, and returns it.
func (s *Server) Add(name string, files map[string][]byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[name]
	if r == nil {
		r = &Repo{Commits: map[string]map[string][]byte{}, Refs: map[string]string{}}
		s.repos[name] = r
	}
	h := sha1.New()
	for _, path := range paths(files) {
		fmt.Fprintf(h, "%s %d %s\n", path, len(files[path]), files[path])
	}
	commit := hex.EncodeToString(h.Sum(nil))
	r.Commits[commit], r.Refs["main"] = files, commit
	return commit
}

// AddDir puts the files of a directory on the server.
func (s *Server) AddDir(name, dir string) (string, error) {
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return "", err
		}
	}
	return s.Add(name, files), nil
}

// Repo returns a model, to change it.
func (s *Server) Repo(name string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[name]
}

// Requests returns what was asked since the last call.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

func (s *Server) handler(host string, serve func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	seen := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		seen[r.URL.Path]++
		n := seen[r.URL.Path]
		s.log = append(s.log, Request{host, r.Method, r.URL.Path, r.Header.Get("Range"), r.Header.Get("Authorization")})
		fault := s.Fault
		s.mu.Unlock()
		if fault == nil || !fault(w, r, host, n) {
			serve(w, r)
		}
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
}

func (s *Server) serveHub(w http.ResponseWriter, r *http.Request) {
	auth := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if auth != "" && auth != s.Token {
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return
	}
	path, api := strings.CutPrefix(r.URL.EscapedPath(), "/api/models")
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 5)
	if len(parts) < 4 {
		http.NotFound(w, r)
		return
	}
	repo := s.Repo(parts[0] + "/" + parts[1])
	if repo == nil || repo.Private && auth == "" {
		refuse(w, http.StatusUnauthorized, "RepoNotFound", "Repository not found")
		return
	}
	revision, _ := url.PathUnescape(parts[3])
	commit := revision
	if c, ok := repo.Refs[revision]; ok {
		commit = c
	}
	files, ok := repo.Commits[commit]
	if !ok {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return
	}
	switch {
	case api && parts[2] == "revision":
		s.serveInfo(w, parts[0]+"/"+parts[1], commit, files)
	case api && parts[2] == "tree" && !s.NoTree:
		s.serveTree(w, r, files)
	case !api && parts[2] == "resolve" && len(parts) == 5:
		name, _ := url.PathUnescape(parts[4])
		if repo.Gated && auth == "" {
			refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to model is restricted")
			return
		}
		s.resolve(w, r, commit, name, files)
	default:
		http.NotFound(w, r)
	}
}

func paths(files map[string][]byte) []string {
	var list []string
	for path := range files {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

func (s *Server) serveInfo(w http.ResponseWriter, name, commit string, files map[string][]byte) {
	siblings := []map[string]string{}
	for _, path := range paths(files) {
		siblings = append(siblings, map[string]string{"rfilename": path})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": name, "sha": commit, "siblings": siblings, "private": false, "downloads": 0, "likes": 0, "tags": []string{}})
}

// large reports whether the hub would keep a file in large file storage.
func large(path string) bool {
	return strings.HasSuffix(path, ".safetensors") || strings.HasSuffix(path, ".gguf") || strings.HasSuffix(path, ".bin")
}

func blobID(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (s *Server) serveTree(w http.ResponseWriter, r *http.Request, files map[string][]byte) {
	items := []map[string]any{{"type": "directory", "path": "onnx", "oid": strings.Repeat("0", 40), "size": 0}}
	for _, path := range paths(files) {
		content := files[path]
		item := map[string]any{"type": "file", "path": path, "size": len(content), "oid": blobID(content)}
		if large(path) {
			pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", sha256Of(content), len(content))
			item["oid"] = blobID([]byte(pointer))
			item["lfs"] = map[string]any{"oid": sha256Of(content), "size": len(content), "pointerSize": len(pointer)}
		}
		items = append(items, item)
	}
	at, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	end := len(items)
	if s.PageSize > 0 && at+s.PageSize < end {
		end = at + s.PageSize
		w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example%s?recursive=true&cursor=%d>; rel="next"`, r.URL.Path, end))
	}
	_ = json.NewEncoder(w).Encode(items[min(at, end):end])
}

// resolve answers with a file, or with where it is when it is large.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request, commit, name string, files map[string][]byte) {
	content, ok := files[name]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if large(name) {
		w.Header().Set("X-Linked-Etag", `"`+sha256Of(content)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("ETag", `"`+blobID(content)+`"`)
		target := fmt.Sprintf("%s/%s?name=%s&signature=s3cret", s.files, sha256Of(content), url.QueryEscape(name))
		http.Redirect(w, r, target, http.StatusFound)
		return
	}
	w.Header().Set("ETag", `W/"`+blobID(content)+`"`)
	s.send(w, r, name, content)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	if s.Damage != nil {
		content = s.Damage(name, content)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// serveFiles is the storage behind: it knows signed addresses, and must never see a token.
func (s *Server) serveFiles(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("signature") != "s3cret" || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.mu.Lock()
	var content []byte
	found := false
	for _, repo := range s.repos {
		for _, files := range repo.Commits {
			c, ok := files[r.URL.Query().Get("name")]
			if ok && "/"+sha256Of(c) == r.URL.Path {
				content, found = c, true
			}
		}
	}
	s.mu.Unlock()
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"of-the-storage"`)
	s.send(w, r, r.URL.Query().Get("name"), content)
}
