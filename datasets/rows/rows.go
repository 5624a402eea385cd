// Package rows reads training rows from the files that people have: conversations, prompts with
// answers, pairs of answers, judged answers and plain texts, in the shapes of the field
// (docs/format/rows.md). Nothing that stands in a row is passed over: it takes effect, is kept as
// metadata, or is refused by name. Errors name keys and places and never quote what a row says.
package rows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/nearest"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// Options say how the keys of a file are understood.
type Options struct {
	// Mapping is from the field of a row to the key that the file has for it, {"prompt": "question"}.
	Mapping map[string]string
	// KeepUnknown makes unknown keys Metadata instead of an error.
	KeepUnknown bool
}

// ErrFormat means that a file is in none of the formats that hold rows.
var ErrFormat = errors.New("not a format for training rows")

// field is one key of a row.
type field struct {
	name string // what it is in a row; "" when a mapping gave that name to another key
	key  string // as it stands in the file
	raw  []byte
	used bool
}

// row is an object that is being understood.
type row struct {
	fields []field
	opts   Options
	kept   map[string]string // what becomes metadata
}

// Parse reads a row from one JSON object.
func Parse(object []byte, o Options) (datasets.Example, error) {
	r, err := newRow(object, o)
	if err != nil {
		return datasets.Example{}, err
	}
	var e datasets.Example
	if err := r.shape(&e); err != nil {
		return datasets.Example{}, err
	}
	if err := r.rest(&e); err != nil {
		return datasets.Example{}, err
	}
	if len(r.kept) > 0 {
		e.Metadata = r.kept
	}
	return e, nil
}

func newRow(object []byte, o Options) (*row, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := strictjson.Check(object); err != nil {
		return nil, err
	}
	list, err := strictjson.Members(object)
	if err != nil {
		return nil, fmt.Errorf("is %w, where a row is one JSON object", err)
	}
	r := &row{opts: o, kept: map[string]string{}}
	names := make(map[string]string, len(o.Mapping)) // of the file's keys
	for name, key := range o.Mapping {
		names[key] = name
	}
	for _, m := range list {
		f := field{name: m.Key, key: m.Key, raw: m.Value}
		if name, ok := names[m.Key]; ok {
			f.name = name
		} else if _, taken := o.Mapping[m.Key]; taken {
			f.name = ""
		}
		r.fields = append(r.fields, f)
	}
	return r, nil
}

// check refuses a mapping that cannot take effect.
func (o Options) check() error {
	from := map[string]string{}
	for name, key := range o.Mapping {
		if !slices.Contains(rowKeys, name) {
			return fmt.Errorf("mapping: unknown field %q%s", name, suggest(name, rowKeys))
		}
		if other, twice := from[key]; twice {
			return fmt.Errorf("mapping: %q and %q both stand for the key %q", min(name, other), max(name, other), key)
		}
		from[key] = name
	}
	return nil
}

// get returns the field of that name, if there is one that is not null, and marks it as used.
func (r *row) get(name string) *field {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == name && !strictjson.IsNull(f.raw) {
			f.used = true
			return f
		}
	}
	return nil
}

// has tells whether there is such a field, without using it.
func (r *row) has(name string) bool {
	return slices.ContainsFunc(r.fields, func(f field) bool { return f.name == name && !strictjson.IsNull(f.raw) })
}

// first returns the first of the names that the row has.
func (r *row) first(names ...string) string {
	for _, name := range names {
		if r.has(name) {
			return name
		}
	}
	return ""
}

// rest deals with the keys that the row's shape did not use.
func (r *row) rest(e *datasets.Example) error {
	for _, f := range r.fields {
		if f.used || strictjson.IsNull(f.raw) && slices.Contains(rowKeys, f.name) {
			continue
		}
		if ok, err := r.origin(e, f); ok || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if !r.opts.KeepUnknown && !(e.Kind() == datasets.KindText && isAside(f.name)) {
			return r.unknown(f, e)
		}
		if err := r.keep(f.key, f.raw); err != nil {
			return err
		}
	}
	return nil
}

// isAside tells whether a key beside a text can be no misspelling of a key that would have changed
// what is trained.
func isAside(key string) bool {
	return nearest.Of(key, decisive, 1) == "" && (key == "weight" || nearest.Of(key, []string{"weight"}, 1) == "")
}

func (r *row) unknown(f field, e *datasets.Example) error {
	switch {
	case slices.Contains(rowKeys, f.name):
		return fmt.Errorf("%q does not go with the other keys, which make %s", f.key, article(e.Kind()))
	case slices.Contains(messageKeys, f.key):
		return fmt.Errorf("unknown key %q: it is a key of a message, not of a row", f.key)
	}
	return fmt.Errorf("unknown key %q%s", f.key, suggest(f.key, slices.Concat(rowKeys, messageKeys)))
}

func article(k datasets.Kind) string {
	return map[datasets.Kind]string{
		datasets.KindText: "a text", datasets.KindConversation: "a conversation", datasets.KindCompletion: "a prompt with its answer",
		datasets.KindGrounded:   "an answer with its passage",
		datasets.KindPreference: "a preference", datasets.KindJudged: "a judged answer",
	}[k]
}

// keep makes a value metadata: a text as it is, all else as JSON.
func (r *row) keep(key string, raw []byte) error {
	if _, twice := r.kept[key]; twice {
		return fmt.Errorf("key %q stands twice, the second time in the metadata", key)
	}
	if strictjson.IsNull(raw) {
		return nil
	}
	if raw[0] != '"' {
		r.kept[key] = strictjson.Compact(raw)
		return nil
	}
	s, err := strictjson.Text(raw)
	r.kept[key] = s
	return err
}

// lacks says what a row has not, and which key may have been meant for it: one with a letter wrong, or
// any that nobody knows.
func (r *row) lacks(what string) error {
	var keys []string
	for _, f := range r.fields {
		switch known := slices.Contains(rowKeys, f.name); {
		case f.name == "" || slices.Contains(origins, f.key):
		case known && strictjson.IsNull(f.raw):
			keys = append(keys, fmt.Sprintf("%q, which is null", f.key))
		case !known && nearest.Of(f.key, rowKeys, reach(f.key)) != "":
			return fmt.Errorf("unknown key %q%s", f.key, suggest(f.key, rowKeys))
		case !known:
			keys = append(keys, fmt.Sprintf("%q", f.key))
		}
	}
	if len(keys) > 8 {
		keys = append(keys[:8], "…")
	}
	if len(keys) == 0 {
		return errors.New(what)
	}
	return fmt.Errorf("%s, but %s; a mapping may name which is which", what, strings.Join(keys, ", "))
}
