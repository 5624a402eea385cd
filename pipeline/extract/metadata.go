package extract

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// dateLayouts are the forms a date takes in front matter and exports. Ambiguous ones (01/02/2024)
// are left out: they stay metadata.
var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05",
	"2006-01-02 15:04", "2006-01-02", "2006/01/02", time.RFC1123Z, time.RFC1123,
}

// ParseDate reads a date in one of the usual forms, UTC where it names no zone.
func ParseDate(s string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// ranked are the keys that fill a field, of those for one field the best first: when a document has
// several dates, the one it was created on counts before the one it was published on, whatever the
// order in which they stand.
var ranked = []string{
	"title", "lang", "language",
	"created_at", "created", "date", "published_at", "published",
	"modified_at", "modified", "updated_at", "updated", "lastmod",
	"retention_class", "retention", "acl",
}

const (
	// maxFields bounds the keys of a document, maxFieldBytes what they take with their values: nested ones have the
	// keys of all above them in theirs.
	maxFields     = 10_000
	maxFieldBytes = 16 << 20
	// maxACL bounds the names that a document is open to.
	maxACL = 1000
)

// tooManyFields refuses a document with more about it than in it.
func tooManyFields(n int) *Refusal {
	return &Refusal{Rule: "max_metadata", Reason: "there is too much metadata", Value: float64(n), Threshold: maxFields}
}

// SetFields files all values of a row or a front matter, the ranked keys first, then by key. A document with more than
// maxFields of them, or of more than maxFieldBytes, is refused.
func (d *Document) SetFields(fields map[string]any) {
	if n, size := sizeOf("", fields); n > maxFields || size > maxFieldBytes {
		*d = Document{Row: d.Row, Refused: tooManyFields(n)}
		return
	}
	rank := func(key string) int {
		switch i := slices.Index(ranked, strings.ToLower(key)); {
		case i < 0:
			return 2 * len(ranked)
		case key == ranked[i]:
			return 2 * i
		default: // in other letters
			return 2*i + 1
		}
	}
	keys := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for _, key := range keys {
		d.setTree(key, fields[key])
	}
}

// sizeOf returns how many keys a tree has when it is flat, and how many bytes with their values.
func sizeOf(key string, value any) (n, size int) {
	switch v := value.(type) {
	case map[string]any:
		for k, x := range v {
			more, bytes := sizeOf(k, x)
			n, size = n+more, size+bytes+more*(len(key)+1)
			if size > maxFieldBytes {
				break
			}
		}
		return n, size
	case []any:
		for _, x := range v {
			_, bytes := sizeOf("", x)
			size += bytes
		}
	case string:
		size = len(v)
	default:
		size = 32
	}
	return 1, size + len(key)
}

// Set files a value that the source gives under key: known keys fill their field, all others, and
// values that do not fit their field, become metadata. A field that is set already is kept.
func (d *Document) Set(key, value string) {
	value = strings.TrimSpace(value)
	if value == "" || d.setField(strings.ToLower(key), value) {
		return
	}
	if d.Metadata == nil {
		d.Metadata = map[string]string{}
	}
	d.Metadata[key] = value
}

func (d *Document) setField(key, value string) bool {
	switch key {
	case "title":
		return fill(&d.Title, value)
	case "lang", "language":
		return d.setLang(value)
	case "date", "created", "created_at", "published", "published_at":
		return fillDate(&d.CreatedAt, value)
	case "updated", "updated_at", "modified", "modified_at", "lastmod":
		return fillDate(&d.ModifiedAt, value)
	case "retention", "retention_class":
		return fill(&d.RetentionClass, value)
	case "acl":
		return d.setACL(value)
	}
	return false
}

func fill(field *string, value string) bool {
	if *field != "" {
		return *field == value
	}
	*field = value
	return true
}

func fillDate(field *time.Time, value string) bool {
	t, ok := ParseDate(value)
	if !ok || !field.IsZero() {
		return false
	}
	*field = t
	return true
}

// setLang takes a BCP 47 tag with a two-letter language.
func (d *Document) setLang(value string) bool {
	lang, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(value, "_", "-")), "-")
	if len(lang) != 2 || lang[0] < 'a' || lang[0] > 'z' || lang[1] < 'a' || lang[1] > 'z' {
		return false
	}
	return fill(&d.Lang, lang)
}

// setACL takes names separated by commas, unless they are too many to be names.
func (d *Document) setACL(value string) bool {
	if strings.Count(value, ",") >= maxACL {
		return false
	}
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(d.ACL, name) {
			d.ACL = append(d.ACL, name)
		}
	}
	return true
}

// setTree files a decoded YAML or JSON value: scalars as they are, lists of scalars joined by
// commas, maps by their dotted keys. Lists of anything else are left out.
func (d *Document) setTree(key string, value any) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for _, k := range sortedKeys(v) {
			d.setTree(key+"."+k, v[k])
		}
	case []any:
		if joined, ok := joinScalars(v); ok {
			d.Set(key, joined)
		}
	case time.Time:
		d.Set(key, v.UTC().Format(time.RFC3339Nano))
	default:
		d.Set(key, fmt.Sprint(v))
	}
}

func joinScalars(list []any) (string, bool) {
	parts := make([]string, 0, len(list))
	for _, v := range list {
		switch v.(type) {
		case map[string]any, []any, nil:
			return "", false
		}
		parts = append(parts, fmt.Sprint(v))
	}
	return strings.Join(parts, ", "), true
}

// TitleFromPath makes a title of a file's name: "a/b/release-notes_2.md" gives "release notes 2".
func TitleFromPath(p string) string {
	name := p[strings.LastIndexByte(p, '/')+1:]
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == ' ' }), " ")
}

// NoteCharset keeps the charset of the raw bytes as metadata where it is worth knowing.
func (d *Document) NoteCharset(name string) {
	if name != "utf-8" {
		d.Set("charset", name)
	}
}
