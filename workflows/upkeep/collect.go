package upkeep

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/reap"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/tree"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

// CollectOptions say how to collect.
type CollectOptions struct {
	Grace time.Duration // how long what was removed, or found to be garbage, stays
	Dry   bool
}

// collection is a collection under way.
type collection struct {
	*Keeper
	o      CollectOptions
	report Report
	pages  map[string]bool // names of the pages that runs have left
}

// Collect deletes what was removed and what nothing refers to, after the grace: versions, files of publishes that
// were killed, runs, results of workflows and their files, pages of evaluations, copies of far files. A damaged store is ErrDamaged: who
// knows what a manifest that cannot be read refers to.
func (k *Keeper) Collect(ctx context.Context, o CollectOptions) (Report, error) {
	c := &collection{k, o, Report{Dry: o.Dry, Items: []Item{}}, map[string]bool{}}
	if !o.Dry {
		if err := k.tidy(ctx); err != nil {
			return c.report, err
		}
	}
	for _, step := range []func(context.Context) error{c.views, c.removed, c.objects, c.reports} {
		if err := step(ctx); err != nil {
			return c.report, fmt.Errorf("collect garbage: %w", err)
		}
	}
	if n, bytes := k.Home.Datasets.Unused(k.Now().Add(-o.Grace), o.Dry); n > 0 {
		c.add(Item{What: "cache", Name: fmt.Sprintf("%d copies of files of far stores", n), Bytes: bytes, Action: Delete})
	}
	return c.report, nil
}

func (c *collection) add(i Item) { c.report.Items = append(c.report.Items, i) }

// views removes directories of datasets that were removed, which a killed removal has left.
func (c *collection) views(ctx context.Context) error {
	refs, err := c.Home.Datasets.Concealed(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		item := Item{What: "view", Name: ref.String(), Action: Delete}
		if err := c.Home.Datasets.Conceal(ref, c.o.Dry); err != nil {
			item.Action, item.Why = Keep, err.Error()
		}
		c.add(item)
	}
	return nil
}

// removed sweeps the manifests of versions that were removed a grace ago. Meanwhile an alias may have come to
// point there, by a move that was under way, or an adapter been published that was trained on it.
func (c *collection) removed(ctx context.Context) error {
	var r *reach
	for _, s := range []Sort{Dataset, Adapter} {
		removals, err := c.registry(s).Removals(ctx)
		if err != nil {
			return err
		}
		for _, m := range removals {
			if r == nil {
				if r, err = c.reach(ctx, nil); err != nil {
					return damaged(err)
				}
			}
			if err := c.version(ctx, r, s, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *collection) version(ctx context.Context, r *reach, s Sort, m registry.Removal) error {
	item := Item{What: string(s), Name: m.Ref().String(), Action: Delete, Due: m.At.Add(c.o.Grace)}
	v, err := c.registry(s).Stored(ctx, m.Ref())
	if err != nil {
		return err
	}
	by, err := c.whoNeeds(ctx, r, target{sort: s, version: v}, nil)
	switch {
	case err != nil:
		return err
	case len(by) > 0:
		item.Action, item.Why = Keep, needed("removed, but", by).Error()
	case c.Now().Before(item.Due):
		item.Action = Wait
	case !c.o.Dry:
		err = c.registry(s).Sweep(ctx, m.Ref())
	}
	c.add(item)
	return err
}

// objects marks and deletes what nothing refers to.
func (c *collection) objects(ctx context.Context) error {
	report, err := registry.Check(ctx, c.Home.Bucket, false, publish.Kind, catalog.Kind)
	if err != nil {
		return err
	}
	if !report.OK() {
		return damaged(fmt.Errorf("%d problems, such as %s: %s", len(report.Problems), report.Problems[0].Key, report.Problems[0].Reason))
	}
	garbage, err := c.history(ctx)
	if err != nil {
		return err
	}
	for _, key := range report.Orphans {
		obj, err := c.Home.Bucket.Stat(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotExist) {
			return err
		}
		if err == nil {
			garbage = append(garbage, obj)
		}
	}
	fates, err := reap.Collect(ctx, c.Home.Bucket, garbage, reap.Options{Now: c.Now(), Grace: c.o.Grace, Dry: c.o.Dry})
	for _, f := range fates {
		c.add(c.fate(f))
	}
	return err
}

func (c *collection) fate(f reap.Fate) Item {
	item := Item{What: "file", Name: f.Object.Key, Bytes: f.Object.Size, Action: Wait, Due: f.Due}
	for prefix, what := range map[string]string{run.Prefix: "run", run.ResultPrefix: "result", tree.Prefix: "tree"} {
		if strings.HasPrefix(f.Object.Key, prefix) {
			item.What = what
		}
	}
	switch {
	case f.Gone:
		item.Action = Delete
	case f.Due.Equal(c.Now().UTC().Truncate(time.Millisecond).Add(c.o.Grace)):
		item.Action = Mark
	}
	return item
}

// history finds runs that were removed, results that no other run has made or used, and trees that neither have.
func (c *collection) history(ctx context.Context) ([]store.Object, error) {
	marks, err := reap.Read(ctx, c.Home.Bucket)
	if err != nil {
		return nil, err
	}
	var garbage []store.Object
	live := map[string]bool{} // keys of objects
	records := map[string][]workflows.Artefact{}
	for obj, err := range c.Home.Bucket.List(ctx, run.Prefix) {
		if err != nil {
			return nil, err
		}
		r, err := c.History.Read(ctx, obj.Key)
		if err != nil {
			return nil, damaged(err)
		}
		for _, a := range r.Artefacts() { // of a removed run, too: it may come back
			c.pages[filepath.Base(a.Ref)] = c.pages[filepath.Base(a.Ref)] || a.Type == workflows.Report
		}
		if marks.Has(obj.Key) && r.State != run.Running {
			garbage = append(garbage, obj)
			continue
		}
		records[obj.Key] = r.Artefacts()
		for _, s := range r.Stages {
			live[run.ResultKey(s.Key)] = true
		}
	}
	for key, list := range records {
		if err := c.keep(ctx, live, key, list); err != nil {
			return nil, err
		}
	}
	for _, prefix := range []string{run.ResultPrefix, tree.Prefix} {
		for obj, err := range c.Home.Bucket.List(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			if !live[obj.Key] {
				garbage = append(garbage, obj)
			}
		}
	}
	return garbage, nil
}

// keep notes the objects of trees that artefacts refer to. A tree that is damaged is as good as none: what would
// use it makes it again.
func (c *collection) keep(ctx context.Context, live map[string]bool, by string, list []workflows.Artefact) error {
	for _, a := range list {
		_, digest, _ := strings.Cut(a.Ref, "@")
		d, err := cas.ParseDigest(digest)
		if err != nil || live[tree.Prefix+cas.Key(d)] {
			continue // a version, or known already
		}
		live[tree.Prefix+cas.Key(d)] = true
		files, err := tree.Files(ctx, c.Home.Bucket, d)
		if err != nil && !errors.Is(err, store.ErrNotExist) && !errors.Is(err, cas.ErrCorrupt) && !errors.Is(err, tree.ErrBadTree) {
			return fmt.Errorf("%s: %w", by, err)
		}
		for _, f := range files {
			live[tree.Prefix+cas.Key(f.Digest)] = true
		}
	}
	return nil
}
