package source

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// ignoreName is the file of patterns, honoured in every folder of a source for what lies below it.
const ignoreName = ".cultivarignore"

// pattern is one line of an ignore file, in the syntax of gitignore(5): "#" comments, "!" takes
// back, a trailing "/" means folders only, a "/" elsewhere anchors to the ignore file's folder, and
// "**" stands for any number of folders.
type pattern struct {
	segments []string // path.Match patterns, or "**"
	negate   bool
	dirOnly  bool
}

// parsePattern reads one line; ok is false for blank lines and comments.
func parsePattern(line string) (p pattern, ok bool, err error) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || line[0] == '#' {
		return pattern{}, false, nil
	}
	if line[0] == '!' {
		p.negate, line = true, line[1:]
	}
	if rest, found := strings.CutSuffix(line, "/"); found {
		p.dirOnly, line = true, rest
	}
	anchored := strings.Contains(line, "/")
	p.segments = strings.Split(strings.TrimPrefix(line, "/"), "/")
	if !anchored {
		p.segments = append([]string{"**"}, p.segments...)
	}
	p.segments = slices.CompactFunc(p.segments, func(a, b string) bool { return a == "**" && b == "**" })
	for _, s := range p.segments {
		if _, err := path.Match(s, ""); err != nil || s == "" {
			return pattern{}, false, fmt.Errorf("parse pattern %q: malformed", line)
		}
	}
	return p, true, nil
}

// match reports whether the pattern covers a path, given as its segments below the ignore file.
func (p pattern) match(segments []string, isDir bool) bool {
	return (isDir || !p.dirOnly) && matchSegments(p.segments, segments)
}

func matchSegments(pat, segs []string) bool {
	for len(pat) > 0 {
		if pat[0] == "**" {
			if len(pat) == 1 {
				return len(segs) > 0 // "a/**" is what lies below a, not a itself
			}
			for i := range segs {
				if matchSegments(pat[1:], segs[i:]) {
					return true
				}
			}
			return false
		}
		if len(segs) == 0 {
			return false
		}
		if ok, _ := path.Match(pat[0], segs[0]); !ok {
			return false
		}
		pat, segs = pat[1:], segs[1:]
	}
	return len(segs) == 0
}

// ruleset is the patterns of one folder and of all above it. The nearest folder's last matching line
// decides.
type ruleset struct {
	parent   *ruleset
	depth    int // segments of the folder below the source's root
	patterns []pattern
}

// below returns the rules for a folder whose own ignore file holds text.
func (r *ruleset) below(depth int, lines []string) (*ruleset, error) {
	child := &ruleset{parent: r, depth: depth}
	for i, line := range lines {
		p, ok, err := parsePattern(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if ok {
			child.patterns = append(child.patterns, p)
		}
	}
	return child, nil
}

// ignored decides about a path, given as its segments below the source's root.
func (r *ruleset) ignored(segments []string, isDir bool) bool {
	for ; r != nil; r = r.parent {
		for i := len(r.patterns) - 1; i >= 0; i-- {
			if p := r.patterns[i]; p.match(segments[r.depth:], isDir) {
				return !p.negate
			}
		}
	}
	return false
}
