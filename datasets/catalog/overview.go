package catalog

import (
	"context"
	"time"
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
