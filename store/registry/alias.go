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

// aliasTries bounds how often a mover finds its place in the log taken by another one.
const aliasTries = 256

// SetAlias points an alias at a version that exists, by a new entry at the end of its log. Version 0
// withdraws the alias. Concurrent calls are put into one order, and each gets an entry of its own.
func (r *Registry) SetAlias(ctx context.Context, name, alias string, version int, who, why string) (AliasEntry, error) {
	fail := func(err error) (AliasEntry, error) {
		return AliasEntry{}, fmt.Errorf("set %s:%s: %w", name, alias, err)
	}
	if err := errors.Join(CheckName(name), CheckName(alias)); err != nil {
		return AliasEntry{}, err
	}
	e := AliasEntry{
		SchemaVersion: SchemaVersion, Name: name, Alias: alias, Version: version,
		Who: who, Why: why, At: time.Now().UTC().Truncate(time.Millisecond), WriteID: rand.Text(),
	}
	if version != 0 {
		m, err := r.Get(ctx, name, version)
		if err != nil {
			return fail(err)
		}
		e.Digest = m.Digest
	}
	for range aliasTries {
		last, err := r.lastSeq(ctx, name, alias)
		if err != nil {
			return fail(err)
		}
		if last == 0 && version == 0 {
			return fail(ErrNoAlias)
		}
		e.Seq = last + 1
		body, err := plainjson.MarshalFile(e)
		if err != nil {
			return fail(err)
		}
		won, err := r.create(ctx, r.kind.aliasKey(name, alias, e.Seq), e.WriteID, body)
		if err != nil {
			return fail(err)
		}
		if won {
			return e, nil
		}
	}
	return fail(errors.New("too many movers at once"))
}

// lastSeq returns the number of an alias's last entry, 0 when there is none.
func (r *Registry) lastSeq(ctx context.Context, name, alias string) (last uint64, err error) {
	for obj, err := range r.b.List(ctx, r.kind.refPrefix()+name+"/"+alias+"/") {
		if err != nil {
			return 0, err
		}
		if _, _, seq, ok := r.kind.parseAliasKey(obj.Key); ok {
			last = max(last, seq)
		}
	}
	return last, nil
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

// History returns all moves of an alias, the oldest first.
func (r *Registry) History(ctx context.Context, name, alias string) ([]AliasEntry, error) {
	if err := errors.Join(CheckName(name), CheckName(alias)); err != nil {
		return nil, err
	}
	last, err := r.lastSeq(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	if last == 0 {
		return nil, fmt.Errorf("%s:%s: %w", name, alias, ErrNoAlias)
	}
	var entries []AliasEntry
	for seq := uint64(1); seq <= last; seq++ {
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
