// Package reap deletes objects that nothing refers to, in two phases, such that nobody who begins to refer to
// one meanwhile loses it.
//
// The first call marks: it writes down which objects are garbage, and how they were. A call that comes a time of
// grace later deletes those that are garbage still and are as they were. Whoever wants to refer to an object that
// is there already looks at the marks first, and puts a marked one again ([Marks.Has]): that makes it another
// one. Marks that are made after that look are no danger, since nobody takes longer than the grace between
// looking and referring. docs/format/store.md has the protocol.
package reap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
)

const (
	key           = "gc/marks.json"
	schemaVersion = 1
	maxMarks      = 256 << 20 // bytes; room for a million objects
)

// Settle is how long whoever put a marked object again waits before it looks whether that is there, in a bucket
// that cannot delete on a condition; deleting there takes no longer than half of it after the last look.
const Settle = 4 * time.Second

// ErrBusy means that another collection is at work.
var ErrBusy = errors.New("another gc is at work")

// Marks are objects that were garbage when somebody looked, by key.
type Marks struct {
	SchemaVersion int             `json:"schema_version"`
	Objects       map[string]Mark `json:"objects"`

	etag   string // "" when there are none yet
	prefix string // of the keys that Has is asked about
}

// Under are the same marks for whoever sees the part of the bucket below a prefix.
func (m *Marks) Under(prefix string) *Marks { return &Marks{Objects: m.Objects, prefix: prefix} }

// Mark says how an object was when it was found to be garbage.
type Mark struct {
	At       time.Time `json:"at"`
	ETag     string    `json:"etag"`
	Modified time.Time `json:"modified"`
}

// Has says whether an object is marked. A nil receiver has none.
func (m *Marks) Has(key string) bool {
	if m == nil {
		return false
	}
	_, marked := m.Objects[m.prefix+key]
	return marked
}

func (m Mark) is(obj store.Object) bool {
	return m.ETag == obj.ETag && m.Modified.Equal(obj.Modified)
}

// Read returns the marks of a bucket, which may be none.
func Read(ctx context.Context, b store.Bucket) (*Marks, error) {
	m := &Marks{SchemaVersion: schemaVersion, Objects: map[string]Mark{}}
	r, obj, err := b.Get(ctx, key)
	if errors.Is(err, store.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxMarks))
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return m, m.parse(text, obj.ETag)
}

// parse reads marks. What is no list of marks is none: then nothing is deleted before it is marked again.
func (m *Marks) parse(text []byte, etag string) error {
	m.etag = etag
	var read Marks
	if json.Unmarshal(text, &read) != nil || read.Objects == nil {
		return nil
	}
	if read.SchemaVersion > schemaVersion {
		return fmt.Errorf("%s has schema version %d, this program knows up to %d", key, read.SchemaVersion, schemaVersion)
	}
	m.Objects = read.Objects
	return nil
}

func (m *Marks) write(ctx context.Context, b store.Bucket) error {
	body, err := plainjson.MarshalFile(m)
	if err != nil {
		return err
	}
	cond := store.Condition{IfAbsent: m.etag == "", IfMatch: m.etag}
	obj, err := b.Put(ctx, key, bytes.NewReader(body), int64(len(body)), cond)
	if errors.Is(err, store.ErrExist) || errors.Is(err, store.ErrPrecondition) {
		return ErrBusy
	}
	m.etag = obj.ETag
	return err
}

// Fate is what becomes of a piece of garbage.
type Fate struct {
	Object store.Object
	Due    time.Time // when it may be deleted
	Gone   bool      // whether it was deleted or, in a dry run, would be
}

// Options say how to collect.
type Options struct {
	Now   time.Time
	Grace time.Duration // between mark and deletion; longer than any publisher takes
	Dry   bool          // say what would become of the garbage, and change nothing
}

// Collect marks or deletes what is garbage now, and forgets the marks of what is not.
func Collect(ctx context.Context, b store.Bucket, garbage []store.Object, o Options) ([]Fate, error) {
	m, err := Read(ctx, b)
	if err != nil {
		return nil, err
	}
	fates, next := m.judge(garbage, o)
	if o.Dry || len(garbage) == 0 && len(m.Objects) == 0 {
		return fates, nil
	}
	// Marks first, so that of two collections one is refused before it deletes anything.
	if err := next.write(ctx, b); err != nil {
		return nil, fmt.Errorf("write marks: %w", err)
	}
	for i := range fates {
		if fates[i].Gone {
			if fates[i].Gone, err = remove(ctx, b, fates[i].Object); err != nil {
				return fates[:i], err
			}
		}
	}
	return fates, nil
}

// Add marks objects at once, for whoever removes them by name. A later Collect is handed them as garbage, or
// forgets them.
func Add(ctx context.Context, b store.Bucket, objects []store.Object, now time.Time) error {
	m, err := Read(ctx, b)
	if err != nil {
		return err
	}
	for _, obj := range objects {
		if mark, marked := m.Objects[obj.Key]; !marked || !mark.is(obj) {
			m.Objects[obj.Key] = Mark{At: now.UTC().Truncate(time.Millisecond), ETag: obj.ETag, Modified: obj.Modified}
		}
	}
	return m.write(ctx, b)
}

// judge says what becomes of garbage, and which marks there are afterwards.
func (m *Marks) judge(garbage []store.Object, o Options) ([]Fate, *Marks) {
	now := o.Now.UTC().Truncate(time.Millisecond)
	next := &Marks{SchemaVersion: schemaVersion, Objects: map[string]Mark{}, etag: m.etag}
	var fates []Fate
	for _, obj := range garbage {
		mark, marked := m.Objects[obj.Key]
		if marked = marked && mark.is(obj) && !mark.At.After(now); !marked {
			mark = Mark{At: now, ETag: obj.ETag, Modified: obj.Modified}
		}
		next.Objects[obj.Key] = mark
		due := mark.At.Add(o.Grace)
		fates = append(fates, Fate{Object: obj, Due: due, Gone: marked && !now.Before(due)})
	}
	return fates, next
}

// Reaper is what a Bucket implements as well when it can delete an object on the condition that it has not
// changed.
type Reaper interface {
	// DeleteIf removes an object that is as it was described; ErrPrecondition when it is not.
	DeleteIf(ctx context.Context, obj store.Object) error
}

// Waits says whether whoever puts a marked object again has to wait for [Settle].
func Waits(b store.Bucket) bool {
	_, exact := b.(Reaper)
	return !exact
}

// remove deletes an object unless somebody has put it again.
func remove(ctx context.Context, b store.Bucket, obj store.Object) (bool, error) {
	if r, ok := b.(Reaper); ok {
		err := r.DeleteIf(ctx, obj)
		if errors.Is(err, store.ErrPrecondition) || errors.Is(err, store.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	soon, cancel := context.WithTimeout(ctx, Settle/2)
	defer cancel()
	now, err := b.Stat(soon, obj.Key)
	if errors.Is(err, store.ErrNotExist) || err == nil && (now.ETag != obj.ETag || !now.Modified.Equal(obj.Modified)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, b.Delete(soon, obj.Key)
}
