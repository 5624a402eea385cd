package dataverbs

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
)

func printExclusions(a *door.App, d *catalog.Dataset, list []datasets.Exclusion) error {
	if len(list) == 0 {
		a.Note("no such exclusions in %s", d.Ref())
		return nil
	}
	columns := []door.Column{{Name: "SOURCE", Shrink: 's'}, {Name: "RULE"}, {Name: "VALUE", Right: true, Spare: 2},
		{Name: "LIMIT", Right: true, Spare: 2}, {Name: "WHY", Shrink: 'e', Spare: 1}}
	names := namesOf(list)
	var rows [][]string
	for _, e := range list {
		value, limit := "", ""
		if e.Value != 0 || e.Threshold != 0 {
			value, limit = number(e.Value), number(e.Threshold)
		}
		why, err := names.why(d, e)
		if err != nil {
			return err
		}
		rows = append(rows, []string{e.SourceURI, e.Stage + "/" + e.Rule, value, limit, why})
	}
	return a.PrintTable(columns, rows)
}

// sources are names of documents, by id.
type sources map[string]string

// namesOf enters the documents that were excluded, too: what a copy is of may itself be a copy.
func namesOf(list []datasets.Exclusion) sources {
	s := sources{}
	for _, e := range list {
		if e.DocID != "" {
			s[e.DocID] = e.SourceURI
		}
	}
	return s
}

// why is the reason of an exclusion; of a copy with the document that was kept instead.
func (s sources) why(d *catalog.Dataset, e datasets.Exclusion) (string, error) {
	why := e.Reason
	if e.Related != "" {
		name, known := s[e.Related]
		if !known {
			kept, err := d.Document(e.Related)
			if err != nil && !errors.Is(err, datasets.ErrNotFound) {
				return "", err
			}
			if name = kept.SourceURI; err != nil {
				name = e.Related
			}
			s[e.Related] = name
		}
		why += ": " + name
	}
	if e.Start >= 0 {
		why = fmt.Sprintf("%s (characters %d to %d)", why, e.Start, e.End)
	}
	return why, nil
}
