package registry

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Kind is a sort of artefact. Kinds share a bucket and its blobs, and each has names of its own.
type Kind struct {
	// Prefix is where the kind's manifests and aliases live: "" or a name and a slash.
	Prefix string
	// Digest names the content of a version; nil names it as docs/format/registry.md says.
	Digest func(files []File, body json.RawMessage) (string, error)
	// Returns says that going back to what an older version holds is news, and gets a version of its own.
	// Otherwise the older version is the answer.
	Returns bool
}

const (
	manifests = "manifests/"
	refs      = "refs/"
	removals  = "removed/"
	suffix    = ".json"
)

func (k Kind) manifestPrefix() string { return k.Prefix + manifests }

func (k Kind) refPrefix() string { return k.Prefix + refs }

func (k Kind) manifestKey(name string, version int) string {
	return fmt.Sprintf("%s%s/%08d%s", k.manifestPrefix(), name, version, suffix)
}

// parseManifestKey is the inverse of manifestKey.
func (k Kind) parseManifestKey(key string) (name string, version int, ok bool) {
	name, version, ok = parseNumbered(strings.TrimPrefix(key, k.manifestPrefix()))
	return name, version, ok && k.manifestKey(name, version) == key
}

func parseNumbered(key string) (name string, version int, ok bool) {
	name, number, _ := strings.Cut(key, "/")
	version, err := strconv.Atoi(strings.TrimSuffix(number, suffix))
	return name, version, err == nil && version > 0 && version <= maxVersion && CheckName(name) == nil
}

func (k Kind) removalPrefix() string { return k.Prefix + removals }

func (k Kind) removalKey(name string, version int) string {
	return fmt.Sprintf("%s%s/%08d%s", k.removalPrefix(), name, version, suffix)
}

// parseRemovalKey is the inverse of removalKey.
func (k Kind) parseRemovalKey(key string) (name string, version int, ok bool) {
	name, version, ok = parseNumbered(strings.TrimPrefix(key, k.removalPrefix()))
	return name, version, ok && k.removalKey(name, version) == key
}

func (k Kind) aliasKey(name, alias string, seq uint64) string {
	return fmt.Sprintf("%s%s/%s/%020d%s", k.refPrefix(), name, alias, seq, suffix)
}

// parseAliasKey is the inverse of aliasKey.
func (k Kind) parseAliasKey(key string) (name, alias string, seq uint64, ok bool) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(key, k.refPrefix()), "/")
	alias, number, _ := strings.Cut(rest, "/")
	seq, err := strconv.ParseUint(strings.TrimSuffix(number, suffix), 10, 64)
	ok = err == nil && seq > 0 && seq <= maxSeq && CheckName(name) == nil && CheckName(alias) == nil && k.aliasKey(name, alias, seq) == key
	return name, alias, seq, ok
}

// digest names the content of a version.
func (k Kind) digest(files []File, body json.RawMessage) (string, error) {
	if k.Digest != nil {
		return k.Digest(files, body)
	}
	return ContentDigest(files, body)
}
