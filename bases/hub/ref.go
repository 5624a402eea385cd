package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// scheme begins every reference.
const scheme = "hf://"

// Ref names a model at a revision: hf://org/name@revision, or one GGUF file of it:
// hf://org/name@revision/file.gguf.
type Ref struct {
	Repo     string // org/name
	Revision string // branch, tag or commit; main when the reference has none
	Path     string // a GGUF file, "" for the model's directory
}

func (r Ref) String() string {
	text := scheme + r.Repo
	if r.Revision != "main" {
		text += "@" + strings.ReplaceAll(r.Revision, "/", "%2F")
	}
	if r.Path != "" {
		text += "/" + r.Path
	}
	return text
}

// IsRef reports whether a text is meant as a reference to the hub.
func IsRef(text string) bool { return strings.HasPrefix(text, scheme) }

var (
	// The hub's own rules (huggingface_hub, utils/_validators.py), with the organisation required.
	repoPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	// Revisions that have a slash by design; in others it is written %2F (utils/_hf_uris.py).
	specialRevision = regexp.MustCompile(`^refs/(?:pr/[0-9]+|convert/[A-Za-z0-9_.-]+)`)
	revisionPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./+-]*$`)
	commitPattern   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

func isCommit(revision string) bool { return commitPattern.MatchString(revision) }

// ParseRef reads a reference.
func ParseRef(text string) (Ref, error) {
	r, err := parseRef(text)
	if err != nil {
		return Ref{}, fmt.Errorf("%s: %w; want hf://org/name, hf://org/name@revision or hf://org/name@revision/file.gguf", text, err)
	}
	return r, nil
}

func parseRef(text string) (Ref, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return Ref{}, errors.New("no reference to the hub")
	}
	rest = strings.TrimPrefix(rest, "models/")
	r := Ref{Revision: "main"}
	id, revision, pinned := strings.Cut(rest, "@")
	if pinned {
		r.Revision, r.Path = cutRevision(revision)
	} else if parts := strings.SplitN(id, "/", 3); len(parts) == 3 {
		id, r.Path = parts[0]+"/"+parts[1], parts[2]
	}
	r.Repo = id
	revision, err := url.PathUnescape(r.Revision)
	if err != nil {
		return Ref{}, fmt.Errorf("revision %q: %w", r.Revision, err)
	}
	r.Revision = revision
	return r, r.check()
}

// cutRevision splits what follows the @ into revision and path.
func cutRevision(text string) (revision, path string) {
	n := len(specialRevision.FindString(text))
	if i := strings.IndexByte(text[n:], '/'); i >= 0 {
		return text[:n+i], text[n+i+1:]
	}
	return text, ""
}

// check refuses what could not be a name on the hub, or would be another path on this machine.
func (r Ref) check() error {
	switch {
	case !repoPattern.MatchString(r.Repo), strings.Contains(r.Repo, "--"), strings.Contains(r.Repo, ".."), len(r.Repo) > 96:
		return fmt.Errorf("%q is no name of a model", r.Repo)
	case !revisionPattern.MatchString(r.Revision), !fs.ValidPath(r.Revision), strings.Contains(r.Revision, ".."), len(r.Revision) > 200:
		return fmt.Errorf("%q is no revision", r.Revision)
	case r.Path != "" && (!isLocal(r.Path) || !strings.HasSuffix(r.Path, ".gguf")):
		return fmt.Errorf("%q is no GGUF file", r.Path)
	}
	return nil
}

// isLocal reports whether a name stays below the directory it is put into, on every system.
func isLocal(name string) bool {
	return fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(name, "\\:\x00")
}

// folderPattern is the name of a model's folder in the cache.
const folderPrefix = "models--"

// Name tells which model a path in a cache belongs to: org/name and the commit of
// …/models--org--name/snapshots/COMMIT. Both are "" elsewhere.
func Name(path string) (repo, commit string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", ""
	}
	parts := strings.Split(filepath.ToSlash(abs), "/")
	for i := len(parts) - 3; i >= 0; i-- {
		name, ok := strings.CutPrefix(parts[i], folderPrefix)
		if ok && parts[i+1] == "snapshots" && isCommit(parts[i+2]) {
			return strings.ReplaceAll(name, "--", "/"), parts[i+2]
		}
	}
	return "", ""
}
