package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/workflows/home"
)

// Leave says where the page about an evaluation goes.
type Leave struct {
	File string       // that was asked for; "" is one in the home, if that is on this machine
	Home string       // its location
	Kind string       // with which the name of the file in the home begins
	Of   []string     // what was evaluated: the same has the same name again
	Warn func(string) // hears why there is no page in the home, which fails no evaluation; may be nil
}

// Page writes the page and returns its file, "" where there is none.
func (l Leave) Page(ctx context.Context, p interface{ Page() report.Page }) (string, error) {
	file, err := l.File, error(nil)
	if file == "" {
		file, err = l.file(ctx)
	}
	if err == nil && file != "" {
		if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
			err = Write(file, p.Page())
		}
	}
	switch {
	case err == nil:
		return file, nil
	case l.File != "":
		return "", fmt.Errorf("write report: %w", err)
	case l.Warn != nil:
		l.Warn("there is no report: " + err.Error())
	}
	return "", nil
}

// file is the one in the home.
func (l Leave) file(ctx context.Context) (string, error) {
	h, err := home.Open(ctx, l.Home)
	if err != nil || h.Reports() == "" {
		return "", err
	}
	name := l.Kind
	for _, p := range l.Of {
		if p = baseName(p); p != "" {
			name += "-" + p
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(l.Of, "\x00")))
	return filepath.Join(h.Reports(), name+"-"+hex.EncodeToString(sum[:4])+".html"), nil
}

// baseName is the last part of a name or a path as a part of a file's name.
func baseName(s string) string {
	if s == "" {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '@' {
			return r
		}
		return '_'
	}, filepath.Base(s)[:min(40, len(filepath.Base(s)))])
}
