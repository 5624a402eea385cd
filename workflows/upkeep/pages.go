package upkeep

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// page is what the page of an evaluation is called. Other files beside them are somebody's own.
var page = regexp.MustCompile(`^eval-.*-[0-9a-f]{8}\.html$`)

// reports deletes the pages of evaluations that no run in the history has left, a grace after they were written:
// the run of a younger one may be about to end.
func (c *collection) reports(context.Context) error {
	dir := c.Home.Reports()
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !page.MatchString(e.Name()) || c.pages[e.Name()] {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		item := Item{What: "report", Name: e.Name(), Bytes: info.Size(), Action: Wait, Due: info.ModTime().UTC().Add(c.o.Grace)}
		if !c.Now().Before(item.Due) {
			item.Action = Delete
			if !c.o.Dry {
				err = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
		c.add(item)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
