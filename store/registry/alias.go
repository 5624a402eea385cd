package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/internal/plainjson"
)

// AliasEntry is one move of an alias. The entries of an alias are its history; the last one is where
// it points.
type AliasEntry struct {
	SchemaVersion int       `json:"schema_version"`
	Name          string    `json:"name"`
	Alias         string    `json:"alias"`
	Seq           uint64    `json:"seq"`              // from 1, without gaps
	Version       int       `json:"version"`          // 0 withdraws the alias
	Digest        string    `json:"digest,omitempty"` // of that version's manifest
	Who           string    `json:"who"`
	Why           string    `json:"why"`
	At            time.Time `json:"at"`
	WriteID       string    `json:"write_id"` // unique to one attempt
}

// ErrMoved means that an alias is not any more where it was when a move was decided on.
var ErrMoved = errors.New("the alias was moved meanwhile")

// maxSeq is the highest number of an entry, 2^53-1: what every reader of JSON holds.
const maxSeq = 1<<53 - 1

// aliasTries bounds how often a mover finds its place in the log taken by another one.
const aliasTries = 256

// SetAlias points an alias at a version that exists, by a new entry at the end of its log. Version 0
// withdraws the alias. Concurrent calls are put into one order, and each gets an entry of its own.
func (r *Registry) SetAlias(ctx context.Context, name, alias string, version int, who, why string) (AliasEntry, error) {
	return r.move(ctx, AliasEntry{Name: name, Alias: alias, Version: version, Who: who, Why: why}, func(uint64) error { return nil })
}

// setAliasAfter is SetAlias by whoever has looked at the entry seq and decided by it: ErrMoved when there is a
// later one.
func (r *Registry) setAliasAfter(ctx context.Context, seq uint64, name, alias string, version int, who, why string) (AliasEntry, error) {
	return r.move(ctx, AliasEntry{Name: name, Alias: alias, Version: version, Who: who, Why: why}, func(last uint64) error {
		if last != seq {
			return ErrMoved
		}
		return nil
	})
}

// move appends an entry, whose rest it fills in, if its author agrees to come after the last one.
func (r *Registry) move(ctx context.Context, e AliasEntry, agree func(last uint64) error) (AliasEntry, error) {
	if err := errors.Join(CheckName(e.Name), CheckName(e.Alias)); err != nil {
		return AliasEntry{}, err
	}
	e.SchemaVersion, e.At, e.WriteID = SchemaVersion, time.Now().UTC().Truncate(time.Millisecond), rand.Text()
	if e.Version != 0 {
		m, err := r.Get(ctx, e.Name, e.Version)
		if err != nil {
			return AliasEntry{}, fmt.Errorf("set %s:%s: %w", e.Name, e.Alias, err)
		}
		e.Digest = m.Digest
	}
	for range aliasTries {
		won, err := r.append(ctx, &e, agree)
		if err != nil {
			return AliasEntry{}, fmt.Errorf("set %s:%s: %w", e.Name, e.Alias, err)
		}
		if won {
			return e, nil
		}
	}
	return AliasEntry{}, fmt.Errorf("set %s:%s: too many movers at once", e.Name, e.Alias)
}

// append tries to make e the entry after the last one.
func (r *Registry) append(ctx context.Context, e *AliasEntry, agree func(last uint64) error) (won bool, err error) {
	last, err := r.lastSeq(ctx, e.Name, e.Alias)
	switch {
	case err != nil:
		return false, err
	case last == 0 && e.Version == 0:
		return false, ErrNoAlias
	case last >= maxSeq:
		return false, fmt.Errorf("%w: %s is the last number that an entry can have", ErrCorrupt, r.kind.aliasKey(e.Name, e.Alias, last))
	}
	if err := agree(last); err != nil {
		return false, err
	}
	e.Seq = last + 1
	body, err := plainjson.MarshalFile(e)
	if err != nil {
		return false, err
	}
	return r.create(ctx, r.kind.aliasKey(e.Name, e.Alias, e.Seq), e.WriteID, body)
}

// lastSeq returns the number of an alias's last entry, 0 when there is none.
func (r *Registry) lastSeq(ctx context.Context, name, alias string) (uint64, error) {
	seqs, err := r.seqs(ctx, name, alias)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	return seqs[len(seqs)-1], nil
}

// seqs lists the numbers of an alias's entries, ascending.
func (r *Registry) seqs(ctx context.Context, name, alias string) (seqs []uint64, err error) {
	for obj, err := range r.b.List(ctx, r.kind.refPrefix()+name+"/"+alias+"/") {
		if err != nil {
			return nil, err
		}
		if _, _, seq, ok := r.kind.parseAliasKey(obj.Key); ok {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

// Alias returns where an alias points.
func (r *Registry) Alias(ctx context.Context, name, alias string) (AliasEntry, error) {
	if err := errors.Join(CheckName(name), CheckName(alias)); err != nil {
		return AliasEntry{}, err
	}
	last, err := r.lastSeq(ctx, name, alias)
	if err != nil {
		return AliasEntry{}, err
	}
	if last == 0 {
		return AliasEntry{}, fmt.Errorf("%s:%s: %w", name, alias, ErrNoAlias)
	}
	e, err := r.entry(ctx, name, alias, last)
	if err == nil && e.Version == 0 {
		err = fmt.Errorf("%s:%s: %w: withdrawn by %q: %s", name, alias, ErrNoAlias, e.Who, e.Why)
	}
	if err != nil {
		return AliasEntry{}, err
	}
	return e, nil
}

// Aliases returns where the aliases of a name point, in order of alias. Withdrawn ones are left out.
func (r *Registry) Aliases(ctx context.Context, name string) ([]AliasEntry, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	var order []string
	last := map[string]uint64{}
	for obj, err := range r.b.List(ctx, r.kind.refPrefix()+name+"/") {
		if err != nil {
			return nil, fmt.Errorf("list aliases of %s: %w", name, err)
		}
		_, alias, seq, ok := r.kind.parseAliasKey(obj.Key)
		if !ok {
			continue
		}
		if last[alias] == 0 {
			order = append(order, alias)
		}
		last[alias] = max(last[alias], seq)
	}
	var entries []AliasEntry
	for _, alias := range order {
		e, err := r.entry(ctx, name, alias, last[alias])
		if err != nil {
			return nil, err
		}
		if e.Version != 0 {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// History returns all moves of an alias, the oldest first. Entries that are missing are left out, as are the
// numbers that they had.
func (r *Registry) History(ctx context.Context, name, alias string) ([]AliasEntry, error) {
	if err := errors.Join(CheckName(name), CheckName(alias)); err != nil {
		return nil, err
	}
	seqs, err := r.seqs(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	if len(seqs) == 0 {
		return nil, fmt.Errorf("%s:%s: %w", name, alias, ErrNoAlias)
	}
	var entries []AliasEntry
	for _, seq := range seqs {
		e, err := r.entry(ctx, name, alias, seq)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entry reads one entry and checks it against its key.
func (r *Registry) entry(ctx context.Context, name, alias string, seq uint64) (AliasEntry, error) {
	data, err := r.read(ctx, r.kind.aliasKey(name, alias, seq))
	if err != nil {
		return AliasEntry{}, err
	}
	return r.kind.parseEntry(data, name, alias, seq)
}

func (k Kind) parseEntry(data []byte, name, alias string, seq uint64) (AliasEntry, error) {
	var e AliasEntry
	key := k.aliasKey(name, alias, seq)
	if err := json.Unmarshal(data, &e); err != nil {
		return AliasEntry{}, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
	}
	switch {
	case e.SchemaVersion > SchemaVersion:
		return AliasEntry{}, fmt.Errorf("%s has schema version %d, this program knows up to %d", key, e.SchemaVersion, SchemaVersion)
	case e.SchemaVersion != SchemaVersion, e.Version < 0, e.Version > maxVersion:
		return AliasEntry{}, fmt.Errorf("%s: %w: schema version %d, version %d", key, ErrCorrupt, e.SchemaVersion, e.Version)
	case e.Name != name || e.Alias != alias || e.Seq != seq:
		return AliasEntry{}, fmt.Errorf("%s: %w: it says that it is number %d of %s:%s", key, ErrCorrupt, e.Seq, e.Name, e.Alias)
	}
	return e, nil
}
