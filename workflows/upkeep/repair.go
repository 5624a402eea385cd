package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// RepairOptions say how to repair.
type RepairOptions struct {
	From store.Bucket // another store that may have what is damaged here; may be nil
	Dry  bool
}

// repair is a repair under way.
type repair struct {
	*Keeper
	o      RepairOptions
	report Report
	back   map[string]bool // versions whose manifests come back, as called
	// lacking are versions with files that could not be brought back: their directories may have the only copy.
	lacking map[string]bool
}

// Repair mends what is damaged: manifests and files that another store has whole, files that the directory of a
// dataset has, aliases that point at what is not there (back to the last version that is whole), and directories of
// datasets. Everything is read and compared with its digest. What it cannot mend it leaves as it is, and says so.
func (k *Keeper) Repair(ctx context.Context, o RepairOptions) (Report, error) {
	r := &repair{k, o, Report{Dry: o.Dry, Items: []Item{}}, map[string]bool{}, map[string]bool{}}
	for _, step := range []func(context.Context) error{r.manifests, r.files, r.aliases, r.views} {
		if err := step(ctx); err != nil {
			return r.report, fmt.Errorf("repair: %w", err)
		}
	}
	return r.report, nil
}

// mended notes what was done about a piece of damage, or why nothing could be done.
func (r *repair) mended(what, name string, bytes int64, why string, err error) {
	item := Item{What: what, Name: name, Bytes: bytes, Action: Restore, Why: why}
	if err != nil {
		item.Action, item.Why = Keep, err.Error()
	}
	r.report.Items = append(r.report.Items, item)
}

var sorts = []struct {
	sort Sort
	kind registry.Kind
}{{Dataset, catalog.Kind}, {Adapter, publish.Kind}}

// manifests brings back those that cannot be read and that the other store has.
func (r *repair) manifests(ctx context.Context) error {
	for _, s := range sorts {
		list, err := r.versions(ctx, s.sort)
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.Damage == nil || v.Removed {
				continue
			}
			err := r.fromOther(ctx, v.Key, func(other *registry.Registry) error {
				_, err := other.Get(ctx, v.Ref.Name, v.Ref.Version)
				return err
			}, s.kind)
			if err != nil {
				err = fmt.Errorf("%w; %w", v.Damage, err)
			}
			r.back[called(s.sort, v.Ref)] = err == nil
			r.mended(string(s.sort), v.Ref.String(), 0, "its manifest, from "+r.other(), err)
		}
	}
	return nil
}

// ErrNoCopy means that nothing is known to have what is damaged.
var ErrNoCopy = errors.New("there is no whole copy of it; name a store that has one, or remove it")

// ErrLacking means that a directory stays as it is, whatever it shows.
var ErrLacking = errors.New("its version lacks a file, of which the directory may have the only copy")

func (r *repair) other() string {
	if r.o.From == nil {
		return ""
	}
	return r.o.From.URL()
}

// fromOther copies a pointer object that is whole in the other store.
func (r *repair) fromOther(ctx context.Context, key string, whole func(*registry.Registry) error, kind registry.Kind) error {
	if r.o.From == nil || whole(registry.New(r.o.From, kind)) != nil {
		return ErrNoCopy
	}
	if r.o.Dry {
		return nil
	}
	body, obj, err := r.o.From.Get(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = r.Home.Bucket.Put(ctx, key, body, obj.Size, store.Condition{})
	return err
}

// listed is a file as a version lists it.
type listed struct {
	sort Sort
	ref  registry.Ref
	file registry.File
}

// files reads the files of all versions, and brings back those that are damaged or missing.
func (r *repair) files(ctx context.Context) error {
	blobs := cas.New(r.Home.Bucket)
	places := map[string][]listed{}
	var digests []string
	for _, s := range sorts {
		list, err := r.versions(ctx, s.sort)
		if err != nil {
			return err
		}
		for _, v := range list {
			for _, f := range v.Manifest.Files {
				if v.Removed {
					continue
				}
				if places[f.Digest] == nil {
					digests = append(digests, f.Digest)
				}
				places[f.Digest] = append(places[f.Digest], listed{s.sort, v.Ref, f})
			}
		}
	}
	for _, digest := range digests {
		first := places[digest][0]
		damage := verify(ctx, blobs, first.file)
		if damage == nil {
			continue
		}
		if !errors.Is(damage, cas.ErrCorrupt) && !errors.Is(damage, store.ErrNotExist) {
			return damage
		}
		from, err := r.file(ctx, blobs, places[digest])
		if err != nil {
			err = fmt.Errorf("%w; %w", damage, err)
			for _, l := range places[digest] {
				r.lacking[called(l.sort, l.ref)] = true
			}
		}
		r.mended("file", first.ref.String()+" "+first.file.Path, first.file.Size, from, err)
	}
	return nil
}

// verify reads a file, unless its size tells already that it is another.
func verify(ctx context.Context, blobs *cas.Store, f registry.File) error {
	body, size, err := blobs.Get(ctx, cas.Digest(f.Digest))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if size != f.Size {
		return fmt.Errorf("%w: it has %d bytes, want %d", cas.ErrCorrupt, size, f.Size)
	}
	_, err = io.Copy(io.Discard, body)
	return err
}

// file puts a file again from the first place that has it whole, and says which that is.
func (r *repair) file(ctx context.Context, blobs *cas.Store, places []listed) (from string, err error) {
	f := places[0].file
	if r.o.From != nil && verify(ctx, cas.New(r.o.From), f) == nil {
		return "from " + r.other(), r.copy(ctx, blobs, f)
	}
	for _, l := range places {
		if l.sort != Dataset {
			continue
		}
		if from, err := r.shown(ctx, blobs, l); !errors.Is(err, ErrNoCopy) {
			return from, err
		}
	}
	return "", ErrNoCopy
}

// shown puts a file again from the directory that shows a version.
func (r *repair) shown(ctx context.Context, blobs *cas.Store, l listed) (from string, err error) {
	view, err := r.Home.Datasets.Shown(l.ref, l.file.Path)
	if err != nil {
		return "", ErrNoCopy
	}
	defer func() { _ = view.Close() }()
	if info, err := view.Stat(); err != nil || info.Size() != l.file.Size {
		return "", ErrNoCopy
	}
	if d, size, err := cas.DigestOf(ctx, view); err != nil || string(d) != l.file.Digest || size != l.file.Size {
		return "", ErrNoCopy
	}
	if !r.o.Dry {
		_, _, err = blobs.Put(ctx, view)
	}
	return "from " + view.Name(), err
}

func (r *repair) copy(ctx context.Context, blobs *cas.Store, f registry.File) error {
	if r.o.Dry {
		return nil
	}
	body, size, err := cas.New(r.o.From).Get(ctx, cas.Digest(f.Digest))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = r.Home.Bucket.Put(ctx, cas.Key(cas.Digest(f.Digest)), io.LimitReader(body, size), size, store.Condition{})
	return err
}

// aliases moves those that point at what is not there, or is damaged, back to the last version that is whole.
func (r *repair) aliases(ctx context.Context) error {
	for _, s := range sorts {
		list, err := r.versions(ctx, s.sort)
		if err != nil {
			return err
		}
		whole := map[registry.Ref]string{}
		var names []string
		for _, v := range list {
			if v.Damage == nil {
				whole[v.Ref] = v.Manifest.Digest
			}
			names = append(names, v.Ref.Name)
		}
		for _, name := range slices.Compact(names) {
			if err := r.aliasesOf(ctx, s.sort, name, whole); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *repair) aliasesOf(ctx context.Context, s Sort, name string, whole map[registry.Ref]string) error {
	reg := r.registry(s)
	aliases, err := reg.Aliases(ctx, name)
	if errors.Is(err, registry.ErrCorrupt) {
		r.mended("alias", name, 0, "", fmt.Errorf("%w; %w", err, ErrNoCopy))
		return nil
	}
	if err != nil {
		return err
	}
	ok := func(e registry.AliasEntry) bool {
		ref := registry.Ref{Name: name, Version: e.Version}
		return e.Digest != "" && whole[ref] == e.Digest || r.back[called(s, ref)]
	}
	for _, now := range aliases {
		if ok(now) {
			continue
		}
		history, err := reg.History(ctx, name, now.Alias)
		if err != nil && !errors.Is(err, registry.ErrCorrupt) {
			return err
		}
		slices.Reverse(history)
		i := slices.IndexFunc(history, ok)
		if i < 0 {
			r.mended("alias", name+":"+now.Alias, 0, "", ErrNoCopy)
			continue
		}
		why := fmt.Sprintf("back to version %d, since %d is not whole", history[i].Version, now.Version)
		if !r.o.Dry {
			_, err = reg.SetAlias(ctx, name, now.Alias, history[i].Version, r.Who, "repair: "+why)
		}
		r.mended("alias", name+":"+now.Alias, 0, why, err)
	}
	return nil
}

// views makes the directories of datasets again that show something else than their versions.
func (r *repair) views(ctx context.Context) error {
	odd, err := r.Home.Datasets.OddViews(ctx)
	if err != nil {
		return err
	}
	for _, ref := range odd {
		if r.lacking[called(Dataset, ref)] {
			r.mended("view", ref.String(), 0, "", ErrLacking)
			continue
		}
		r.mended("view", ref.String(), 0, "made again", r.Home.Datasets.Conceal(ref, r.o.Dry))
	}
	if r.o.Dry {
		return nil
	}
	return r.tidy(ctx)
}
