package catalog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cultivar/cultivar/store/registry"
)

// Listed is a dataset in a list.
type Listed struct {
	Name      string    `json:"name"`
	Version   int       `json:"version"`  // the latest that can be read
	Versions  int       `json:"versions"` // how many can be read
	Digest    string    `json:"digest"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	Documents int64     `json:"documents"`
	Chars     int64     `json:"chars"`
	Examples  int64     `json:"examples"`
}

// Overview describes the latest version of each dataset. What is damaged is told in words, and keeps
// nobody from seeing the others.
func (c *Catalog) Overview(ctx context.Context) (list []Listed, damaged []error, err error) {
	names, err := c.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	list = []Listed{}
	for _, name := range names {
		versions, problems, err := c.versions(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		damaged = append(damaged, problems...)
		if len(versions) == 0 {
			continue
		}
		m := versions[len(versions)-1].Manifest
		list = append(list, Listed{m.Name, m.Version, len(versions), m.Digest, m.CreatedAt, m.Counts.Documents, m.Counts.Chars, m.Counts.Examples})
	}
	return list, damaged, nil
}

// Events lists the moves of an alias or, without one, the versions and the moves of all aliases that
// point somewhere, the oldest first. Versions that are not in the bucket yet are among them.
func (c *Catalog) Events(ctx context.Context, name, alias string) ([]registry.Event, error) {
	if alias != "" {
		events, err := c.reg.Events(ctx, name, alias)
		return events, notFound(err)
	}
	versions, _, err := c.versions(ctx, name)
	if err != nil {
		return nil, err
	}
	events, err := c.reg.Events(ctx, name, "")
	if err != nil && !errors.Is(err, registry.ErrNoVersion) {
		return nil, notFound(err)
	}
	for _, d := range versions {
		m := d.Manifest
		if !slices.ContainsFunc(events, func(e registry.Event) bool { return e.Event == registry.Published && e.Version == m.Version }) {
			events = append(events, registry.Event{At: m.CreatedAt, Event: registry.Published, Version: m.Version, Digest: m.Digest})
		}
	}
	slices.SortStableFunc(events, func(a, b registry.Event) int { return a.At.Compare(b.At) })
	return events, nil
}
