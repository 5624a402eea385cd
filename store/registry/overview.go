package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Listed is a version in a list.
type Listed struct {
	Name      string    `json:"name"`
	Version   int       `json:"version"`
	Aliases   []string  `json:"aliases"` // those at this version; in an overview all of the name, as alias@version
	Digest    string    `json:"digest"`
	Bytes     int64     `json:"bytes"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// Shown is a version with the aliases that point at it.
type Shown struct {
	Manifest
	Ref     string   `json:"ref"`
	Aliases []string `json:"aliases"`
	Report  string   `json:"report,omitempty"` // file of the page that was asked for
}

// List describes all versions of a name or, without one, the highest of each name. One that is damaged
// is in the list of problems instead, and keeps nobody from seeing the others.
func (r *Registry) List(ctx context.Context, name string) (list []Listed, damaged []Problem, err error) {
	names := []string{name}
	if name == "" {
		if names, err = r.Names(ctx); err != nil {
			return nil, nil, err
		}
	}
	l := lister{r: r, list: []Listed{}, overview: name == ""}
	for _, name := range names {
		if err := l.name(ctx, name); err != nil {
			return nil, nil, err
		}
	}
	return l.list, l.damaged, nil
}

type lister struct {
	r        *Registry
	overview bool
	list     []Listed
	damaged  []Problem
}

func (l *lister) name(ctx context.Context, name string) error {
	versions, err := l.r.Versions(ctx, name)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return fmt.Errorf("%s: %w", name, ErrNoVersion)
	}
	if l.overview {
		versions = versions[len(versions)-1:]
	}
	aliases, err := l.r.Aliases(ctx, name)
	if l.note(name, err) != nil {
		return err
	}
	for _, v := range versions {
		m, err := l.r.Get(ctx, name, v)
		if err != nil {
			if l.note(Ref{Name: name, Version: v}.String(), err) != nil {
				return err
			}
			continue
		}
		l.list = append(l.list, Listed{name, v, AliasesAt(aliases, v, l.overview), m.Digest, m.Size(), m.CreatedAt, m.CreatedBy})
	}
	return nil
}

// note keeps an error about stored bytes as a problem, and returns any other.
func (l *lister) note(ref string, err error) error {
	if err == nil || !errors.Is(err, ErrCorrupt) {
		return err
	}
	l.damaged = append(l.damaged, Problem{ref, err.Error()})
	return nil
}

// AliasesAt lists the aliases at a version or, for an overview, all with where they point.
func AliasesAt(aliases []AliasEntry, version int, overview bool) []string {
	list := []string{}
	for _, e := range aliases {
		switch {
		case overview:
			list = append(list, fmt.Sprintf("%s@%d", e.Alias, e.Version))
		case e.Version == version:
			list = append(list, e.Alias)
		}
	}
	return list
}

// The events of a history.
const (
	Published = "published"
	Moved     = "moved"
	Withdrawn = "withdrawn"
)

// Event is something that happened to a name.
type Event struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"` // published, moved or withdrawn
	Alias   string    `json:"alias,omitempty"`
	Version int       `json:"version,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Who     string    `json:"who"`
	Why     string    `json:"why"`
}

// Events lists the moves of an alias or, without one, the versions and the moves of all aliases that
// point somewhere, the oldest first.
func (r *Registry) Events(ctx context.Context, name, alias string) ([]Event, error) {
	if alias != "" {
		return r.moves(ctx, name, alias)
	}
	versions, err := r.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoVersion)
	}
	var events []Event
	for _, v := range versions {
		m, err := r.Get(ctx, name, v)
		if errors.Is(err, ErrCorrupt) {
			continue // store check tells of it, and the others have their history
		}
		if err != nil {
			return nil, err
		}
		events = append(events, Event{At: m.CreatedAt, Event: Published, Version: v, Digest: m.Digest, Who: m.CreatedBy})
	}
	aliases, err := r.Aliases(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, e := range aliases {
		list, err := r.moves(ctx, name, e.Alias)
		if err != nil {
			return nil, err
		}
		events = append(events, list...)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events, nil
}

func (r *Registry) moves(ctx context.Context, name, alias string) ([]Event, error) {
	entries, err := r.History(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	events := []Event{}
	for _, e := range entries {
		event := Event{At: e.At, Event: Moved, Alias: alias, Version: e.Version, Digest: e.Digest, Who: e.Who, Why: e.Why}
		if e.Version == 0 {
			event.Event = Withdrawn
		}
		events = append(events, event)
	}
	return events, nil
}
