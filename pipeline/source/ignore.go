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

// matchSegments goes back to the last "**" only: what an earlier one could take, that one can as well.
func matchSegments(pat, segs []string) bool {
	star, from := -1, 0
	p, s := 0, 0
	for s < len(segs) {
		switch {
		case p < len(pat) && pat[p] == "**":
			if star, from = p, s; p == len(pat)-1 {
				return true // "a/**" is what lies below a, not a itself
			}
			p++
		case p < len(pat) && matchName(pat[p], segs[s]):
			p, s = p+1, s+1
		case star >= 0:
			from++
			p, s = star+1, from
		default:
			return false
		}
	}
	return p == len(pat)
}

func matchName(pat, name string) bool {
	ok, _ := path.Match(pat, name) // it was checked when it was read
	return ok
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
