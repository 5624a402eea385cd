package registry

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	maxName    = 63
	maxVersion = 99_999_999 // what eight digits hold
)

// CheckName says whether a string may name an artefact or an alias: [a-z0-9][a-z0-9._-]{0,62}.
// Such a name is also a safe file name, host label and URL segment.
func CheckName(s string) error {
	if s == "" || len(s) > maxName {
		return fmt.Errorf("%w %.80q: want 1 to %d characters of a-z, 0-9, '.', '_' and '-'", ErrBadName, s, maxName)
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("%w %q: want a-z, 0-9, '.', '_' and '-', starting with a letter or digit", ErrBadName, s)
		}
	}
	return nil
}

// Ref is a parsed reference. At most one of Version and Alias is set; with neither it means the
// highest version.
type Ref struct {
	Name    string
	Version int
	Alias   string
}

// ParseRef reads "name", "name@version" or "name:alias".
func ParseRef(s string) (Ref, error) {
	name, version, numbered := strings.Cut(s, "@")
	name, alias, aliased := strings.Cut(name, ":")
	if numbered && aliased {
		return Ref{}, fmt.Errorf("%w %.80q: want name, name@version or name:alias", ErrBadName, s)
	}
	ref := Ref{Name: name, Alias: alias}
	if err := CheckName(name); err != nil {
		return Ref{}, err
	}
	if aliased {
		if err := CheckName(alias); err != nil {
			return Ref{}, err
		}
	}
	if numbered {
		n, err := strconv.Atoi(version)
		if err != nil || n < 1 || n > maxVersion || strconv.Itoa(n) != version {
			return Ref{}, fmt.Errorf("%w %.80q: version must be a number from 1", ErrBadName, s)
		}
		ref.Version = n
	}
	return ref, nil
}

// String is the reference as ParseRef reads it.
func (r Ref) String() string {
	switch {
	case r.Version != 0:
		return fmt.Sprintf("%s@%d", r.Name, r.Version)
	case r.Alias != "":
		return r.Name + ":" + r.Alias
	}
	return r.Name
}
