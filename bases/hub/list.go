package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What a listing may hold; the largest repositories of models have some thousand files.
const (
	maxPage  = 64 << 20 // bytes of one answer
	maxPages = 1000
	maxFiles = 200_000
)

// entry is a file of a repository.
type entry struct {
	Path   string
	Size   int64
	Blob   string // SHA-1 of git's blob; of the pointer where there is a SHA256
	SHA256 string // of files in large file storage, "" otherwise
	Xet    string // kept for Hugging Face's tools, not used here
}

// etag is the name of the file's content in the cache, and what it must hash to.
func (e entry) etag() string {
	if e.SHA256 != "" {
		return e.SHA256
	}
	return e.Blob
}

// valid refuses what would write elsewhere or could not be checked.
func (e entry) valid() error {
	switch {
	case !isLocal(e.Path):
		return fmt.Errorf("file name %q leads out of the repository", printable(e.Path))
	case e.Size < 0:
		return fmt.Errorf("file %s has size %d", printable(e.Path), e.Size)
	case !isHex(e.Blob, 40) && (e.Blob != "" || e.SHA256 == ""), e.SHA256 != "" && !isHex(e.SHA256, 64):
		return fmt.Errorf("file %s has no digest", printable(e.Path))
	}
	return nil
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// api is the address of a model's endpoint.
func (h *Hub) api(repo, what, revision string) string {
	return h.cfg.Endpoint + "/api/models/" + repo + "/" + what + "/" + url.PathEscape(revision)
}

// getJSON asks until there is an answer, and returns its headers.
func (h *Hub) getJSON(ctx context.Context, tries int, address string, about subject, v any) (http.Header, error) {
	var header http.Header
	err := h.retry(ctx, tries, func() (bool, error) {
		resp, err := h.get(ctx, http.MethodGet, address, http.Header{"Accept": {"application/json"}}, about)
		if err != nil {
			return false, err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
		if err != nil {
			return false, h.network(ctx, err)
		}
		header = resp.Header
		if len(text) > maxPage || json.Unmarshal(text, v) != nil {
			return false, &Error{Msg: fmt.Sprintf("%s does not answer as a hub does", h.host()), Err: ErrUnreachable, Way: "check HF_ENDPOINT and the proxy"}
		}
		return false, nil
	})
	return header, err
}

// resolve asks what commit a revision is.
func (h *Hub) resolve(ctx context.Context, ref Ref, tries int) (string, error) {
	var info struct {
		SHA string `json:"sha"`
	}
	if _, err := h.getJSON(ctx, tries, h.api(ref.Repo, "revision", ref.Revision), subject{ref: ref}, &info); err != nil {
		return "", err
	}
	if !isCommit(info.SHA) {
		return "", &Error{Msg: fmt.Sprintf("%s does not say which commit %s is", h.host(), ref), Err: ErrUnreachable, Way: "check HF_ENDPOINT"}
	}
	return info.SHA, nil
}

// list asks for the files of a commit and keeps the answer: a commit never changes.
func (h *Hub) list(ctx context.Context, r *repo, ref Ref, commit string) ([]entry, error) {
	list, err := h.tree(ctx, ref, commit)
	if errors.Is(err, errNoTree) {
		return h.siblings(ctx, ref, commit)
	}
	if err != nil {
		return nil, err
	}
	if err := r.setListing(commit, list); err != nil {
		return nil, err
	}
	return list, nil
}

// errNoTree is what a mirror without that endpoint gives.
var errNoTree = errors.New("no listing")

// tree lists the files of a commit, page by page.
func (h *Hub) tree(ctx context.Context, ref Ref, commit string) ([]entry, error) {
	var list []entry
	base := h.api(ref.Repo, "tree", commit)
	query := "recursive=true"
	for page := 0; query != ""; page++ {
		var items []struct {
			Type string
			Path string
			Size int64
			OID  string
			Xet  string `json:"xetHash"`
			LFS  *struct {
				OID  string
				Size int64
			}
		}
		header, err := h.getJSON(ctx, maxTries, base+"?"+query, subject{ref: ref}, &items)
		if errors.Is(err, ErrNotFound) && page == 0 {
			return nil, errNoTree
		}
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if i.Type != "file" {
				continue
			}
			e := entry{Path: i.Path, Size: i.Size, Blob: i.OID}
			if isHex(i.Xet, 64) {
				e.Xet = i.Xet
			}
			if i.LFS != nil {
				e.SHA256, e.Size = i.LFS.OID, i.LFS.Size
			}
			if err := e.valid(); err != nil {
				return nil, h.corrupt(ref, err)
			}
			list = append(list, e)
		}
		if page+1 >= maxPages || len(list) > maxFiles {
			return nil, h.corrupt(ref, errors.New("the listing has no end"))
		}
		query = nextPage(header)
	}
	return list, nil
}

// nextPage reads the query of the next page from a Link header (RFC 8288). Only the query is used:
// the rest is where this page came from, whatever the header says, and gets the token.
func nextPage(header http.Header) string {
	for _, link := range strings.Split(header.Get("Link"), ",") {
		target, params, ok := strings.Cut(link, ">")
		if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := url.Parse(strings.TrimPrefix(strings.TrimSpace(target), "<"))
		if err == nil {
			return u.RawQuery
		}
	}
	return ""
}

// siblings lists what a base needs on a mirror that has no trees: names from the revision, sizes and
// digests from the files' headers.
func (h *Hub) siblings(ctx context.Context, ref Ref, commit string) ([]entry, error) {
	var info struct {
		Siblings []struct {
			Name string `json:"rfilename"`
		}
	}
	if _, err := h.getJSON(ctx, maxTries, h.api(ref.Repo, "revision", commit), subject{ref: ref}, &info); err != nil {
		return nil, err
	}
	if len(info.Siblings) > maxFiles {
		return nil, h.corrupt(ref, errors.New("the listing has no end"))
	}
	var list []entry
	for _, s := range info.Siblings {
		if !isLocal(s.Name) {
			return nil, h.corrupt(ref, entry{Path: s.Name}.valid())
		}
		if !needed(s.Name) && !strings.HasSuffix(s.Name, ".safetensors") && s.Name != ref.Path {
			continue
		}
		e, err := h.head(ctx, ref, commit, s.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// head asks for the size and the digest of a file.
func (h *Hub) head(ctx context.Context, ref Ref, commit, path string) (entry, error) {
	e := entry{Path: path}
	err := h.retry(ctx, maxTries, func() (bool, error) {
		resp, err := h.get(ctx, http.MethodHead, h.file(ref.Repo, commit, path), http.Header{"Accept-Encoding": {"identity"}}, subject{ref, path})
		if err != nil {
			return false, err
		}
		_ = resp.Body.Close()
		first := origin(resp)
		tag := etagOf(first.Header)
		if isHex(tag, 64) {
			e.SHA256 = tag
		} else {
			e.Blob = tag
		}
		e.Size = resp.ContentLength
		if n, err := strconv.ParseInt(first.Header.Get("X-Linked-Size"), 10, 64); err == nil {
			e.Size = n
		}
		return false, nil
	})
	if err == nil {
		if bad := e.valid(); bad != nil {
			err = h.corrupt(ref, bad)
		}
	}
	return e, err
}

// origin is the hub's own answer, before it sent us elsewhere.
func origin(resp *http.Response) *http.Response {
	for resp.Request != nil && resp.Request.Response != nil {
		resp = resp.Request.Response
	}
	return resp
}

// etagOf reads the digest that the hub puts into the headers of a file.
func etagOf(header http.Header) string {
	tag := header.Get("X-Linked-Etag")
	if tag == "" {
		tag = header.Get("ETag")
	}
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// file is the address of a file.
func (h *Hub) file(repo, commit, path string) string {
	return h.cfg.Endpoint + "/" + repo + "/resolve/" + commit + "/" + (&url.URL{Path: path}).EscapedPath()
}

func (h *Hub) corrupt(ref Ref, err error) error {
	return &Error{Msg: fmt.Sprintf("%s: %v", ref, err), Err: ErrCorrupt, Way: "if this comes again, ask whoever runs " + h.host()}
}
