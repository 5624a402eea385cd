package lint_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// private is what belongs to one machine or one network: nobody else can build from it.
var private = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of one machine", regexp.MustCompile(`(?:^|[\s"'=(:` + "`" + `])/(?:home|Users|root|work|mnt)/[A-Za-z0-9_.-]+`)},
	{"a path of one machine", regexp.MustCompile(`[A-Z]:\\Users\\`)},
	{"a package host", regexp.MustCompile(`(?i)https?://[a-z0-9.-]*(?:artifactory|nexus|goproxy|proxy\.golang|registry\.npmjs|pypi|pythonhosted|deb\.debian)[a-z0-9.-]*`)},
	{"a package host", regexp.MustCompile(`(?i)\b(?:GOPROXY|GONOSUMDB|PIP_INDEX_URL|NPM_CONFIG_REGISTRY)\s*=\s*["']?https?://`)},
	{"a token", regexp.MustCompile(`\b(?:ghp|gho|hf)_[A-Za-z0-9]{30,}\b`)},
	{"a private key", regexp.MustCompile(`-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{200,}`)},
}

// planted lists files whose subject is such strings.
var planted = map[string]string{
	"internal/embedded/documents/files/intranet/api-keys.md": "secrets that redaction must find",
	"internal/embedded/documents/planted.go":                 "the list of them",
	"pipeline/redact/redact_test.go":                         "tokens that the detectors are tried on",
}

func TestNoPaths(t *testing.T) {
	root := testkit.Root(t)
	for _, name := range tracked(t, root) {
		if planted[name] != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) || err == nil && bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue // deleted but not yet committed, or binary
		}
		if err != nil {
			t.Error(err)
			continue
		}
		for _, p := range private {
			if m := p.pattern.Find(text); m != nil {
				line := 1 + bytes.Count(text[:bytes.Index(text, m)], []byte("\n"))
				t.Errorf("%s:%d: %s: %.80q", name, line, p.what, m)
			}
		}
	}
}

// tracked lists the files that git keeps.
func tracked(t *testing.T, root string) []string {
	t.Helper()
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("list tracked files: %v (no git, or not a clone)", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestPrivatePatterns(t *testing.T) {
	for text, want := range map[string]bool{
		"cache in /ho" + "me/kim/go":          true,
		"see /wo" + "rk/main":                 true,
		"GET /root" + "s/x":                   false,
		"https://py" + "pi.org/simple":        true,
		"https://huggingface.co/docs/peft":    false,
		"GOPROXY=" + "https://cache.internal": true,
		"export GOPROXY=off":                  false,
	} {
		got := false
		for _, p := range private {
			got = got || p.pattern.MatchString(text)
		}
		if got != want {
			t.Errorf("%q: private = %v, want %v", text, got, want)
		}
	}
}
