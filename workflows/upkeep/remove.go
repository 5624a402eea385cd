package upkeep

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/reap"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/fault"
	"github.com/cultivar/cultivar/workflows/run"
)

// target is one thing that somebody named.
type target struct {
	sort    Sort
	version registry.Stored
	alias   string // to be withdrawn, of the version's name; "" for the version
	run     run.Run
}

// name as called and Item have it.
func (t target) name() string {
	switch {
	case t.sort == Run:
		return t.run.ID
	case t.alias != "":
		return t.version.Ref.Name + ":" + t.alias
	}
	return t.version.Ref.String()
}

// runID is what ids of runs look like.
var runID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$`)

// RemoveOptions say what to remove.
type RemoveOptions struct {
	Names []string // NAME@VERSION, NAME for all its versions, NAME:ALIAS for the alias alone, or the id of a run
	Sort  Sort     // "" is for names that are of one sort only
	Undo  bool     // take removals back that were not swept
	Why   string
	Dry   bool
}

// Remove takes versions, aliases and runs out of all lists: all that are named or, when something else needs one
// of them, none.
func (k *Keeper) Remove(ctx context.Context, o RemoveOptions) (Report, error) {
	if !o.Dry {
		if err := k.Home.Datasets.Settle(ctx); err != nil { // versions of older programs move in
			return Report{}, err
		}
	}
	targets, err := k.find(ctx, o)
	if err != nil {
		return Report{}, err
	}
	if !o.Undo {
		if err := k.spare(ctx, targets); err != nil {
			return Report{}, err
		}
	}
	report := Report{Dry: o.Dry, Items: []Item{}}
	for _, t := range targets {
		report.Items = append(report.Items, k.plan(t, o.Undo))
		if o.Dry {
			continue
		}
		if err := k.remove(ctx, t, o); err != nil {
			return report, err
		}
	}
	return report, nil
}

func (k *Keeper) plan(t target, undo bool) Item {
	i := Item{What: string(t.sort), Name: t.name(), Bytes: t.version.Manifest.Size()}
	switch {
	case undo:
		i.Action = Restore
	case t.alias != "":
		i.What, i.Action = "alias", Withdraw
	default:
		i.Action, i.Due = Remove, k.Now().UTC().Add(Grace)
	}
	return i
}

func (k *Keeper) remove(ctx context.Context, t target, o RemoveOptions) error {
	if t.sort == Run {
		obj, err := k.Home.Bucket.Stat(ctx, run.Key(t.run.ID))
		if err != nil {
			return err
		}
		return reap.Add(ctx, k.Home.Bucket, []store.Object{obj}, k.Now())
	}
	reg, ref := k.registry(t.sort), t.version.Ref
	switch {
	case o.Undo:
		err := reg.Restore(ctx, ref)
		if err == nil && t.sort == Dataset {
			err = k.Home.Datasets.Settle(ctx)
		}
		return err
	case t.alias != "":
		_, err := reg.SetAlias(ctx, ref.Name, t.alias, 0, k.Who, o.Why)
		return err
	}
	_, err := reg.Remove(ctx, ref, k.Who, o.Why)
	if err == nil && t.sort == Dataset {
		err = k.Home.Datasets.Conceal(ref, false)
	}
	return err
}

// find looks up everything that is named.
func (k *Keeper) find(ctx context.Context, o RemoveOptions) ([]target, error) {
	var targets []target
	for _, name := range o.Names {
		found, err := k.findOne(ctx, name, o)
		if err != nil {
			return nil, err
		}
		targets = append(targets, found...)
	}
	// Aliases first: they hold versions.
	slices.SortStableFunc(targets, func(a, b target) int { return strings.Compare(b.alias, a.alias) })
	return targets, nil
}

func (k *Keeper) findOne(ctx context.Context, name string, o RemoveOptions) ([]target, error) {
	if o.Sort == Run || o.Sort == "" && runID.MatchString(name) {
		if o.Undo {
			return nil, fmt.Errorf("run %s: a removed run comes back when it is not collected; there is nothing to undo: %w", name, registry.ErrBadName)
		}
		r, err := k.History.Get(ctx, name)
		return []target{{sort: Run, run: r}}, err
	}
	ref, err := registry.ParseRef(name)
	if err != nil {
		return nil, err
	}
	var found []target
	var sorts []Sort
	for _, s := range []Sort{Dataset, Adapter} {
		if o.Sort != "" && o.Sort != s {
			continue
		}
		list, err := k.named(ctx, s, ref, o.Undo)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			found, sorts = append(found, list...), append(sorts, s)
		}
	}
	switch len(sorts) {
	case 0:
		return nil, fmt.Errorf("%s: %w", name, registry.ErrNoVersion)
	case 1:
		return found, nil
	}
	return nil, fault.Mark(fault.Usage, fmt.Errorf("%w: %s is a dataset and an adapter", ErrAmbiguous, name))
}

// named lists the versions of a sort that a reference means here: with no version all of them.
func (k *Keeper) named(ctx context.Context, s Sort, ref registry.Ref, removed bool) ([]target, error) {
	if ref.Alias != "" {
		e, err := k.registry(s).Alias(ctx, ref.Name, ref.Alias)
		if errors.Is(err, registry.ErrNoAlias) || removed {
			return nil, nil
		}
		return []target{{sort: s, version: registry.Stored{Ref: registry.Ref{Name: e.Name}}, alias: ref.Alias}}, err
	}
	list, err := k.versions(ctx, s)
	if err != nil {
		return nil, err
	}
	var found []target
	for _, v := range list {
		if v.Ref.Name == ref.Name && (ref.Version == 0 || v.Ref.Version == ref.Version) && v.Removed == removed {
			found = append(found, target{sort: s, version: v})
		}
	}
	return found, nil
}

// spare refuses to remove what something needs that stays.
func (k *Keeper) spare(ctx context.Context, targets []target) error {
	goes := map[string]bool{}
	for _, t := range targets {
		goes[string(t.sort)+" "+t.name()] = true
	}
	if !slices.ContainsFunc(targets, func(t target) bool { return t.alias == "" }) {
		return nil
	}
	r, err := k.reach(ctx, goes)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range targets {
		by, err := k.whoNeeds(ctx, r, t, goes)
		if err != nil {
			return err
		}
		if len(by) > 0 {
			errs = append(errs, needed(string(t.sort)+" "+t.name(), by))
		}
	}
	return errors.Join(errs...)
}

func (k *Keeper) whoNeeds(ctx context.Context, r *reach, t target, goes map[string]bool) ([]string, error) {
	switch {
	case t.alias != "":
		return nil, nil
	case t.sort == Run:
		return k.whoNeedsRun(ctx, t.run)
	}
	aliases, err := k.registry(t.sort).Aliases(ctx, t.version.Ref.Name)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range aliases {
		name := e.Name + ":" + e.Alias
		if e.Version == t.version.Ref.Version && !goes[string(t.sort)+" "+name] {
			list = append(list, "alias "+name)
		}
	}
	by, err := k.by(ctx, r, t.sort, t.version)
	return append(list, by...), err
}

// whoNeedsRun lists why the record of a run stays: it is at work, or an alias points at what it made.
func (k *Keeper) whoNeedsRun(ctx context.Context, r run.Run) ([]string, error) {
	if r.State == run.Running {
		return []string{"it is still running"}, nil
	}
	var list []string
	for _, out := range r.Outputs {
		s, ref, ok := versionOf(out)
		if !ok {
			continue
		}
		aliases, err := k.registry(s).Aliases(ctx, ref.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range aliases {
			if e.Version == ref.Version && e.Digest == out.Digest {
				list = append(list, fmt.Sprintf("alias %s:%s points at what it made", e.Name, e.Alias))
			}
		}
	}
	return list, nil
}

// versionOf is the version that an artefact of a run is.
func versionOf(a workflows.Artefact) (Sort, registry.Ref, bool) {
	ref, err := registry.ParseRef(a.Ref)
	if err != nil || ref.Version == 0 || strings.Contains(a.Ref, ":") {
		return "", ref, false
	}
	switch a.Type {
	case workflows.Dataset:
		return Dataset, ref, true
	case workflows.Version:
		return Adapter, ref, true
	}
	return "", ref, false
}
