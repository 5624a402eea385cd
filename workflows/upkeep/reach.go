package upkeep

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store/registry"
)

// need is that one version was made from another.
type need struct {
	by   string // who: "adapter a@1"
	of   Sort
	what string // a digest, or name@version of a dataset
}

// reach is what the lineages of versions name.
type reach struct{ needs []need }

// reach reads the lineages of all versions but those that go, by the names of called. A damaged version may need
// anything.
func (k *Keeper) reach(ctx context.Context, goes map[string]bool) (*reach, error) {
	r := &reach{}
	for _, s := range []Sort{Dataset, Adapter} {
		list, err := k.versions(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			by := called(s, v.Ref)
			if v.Removed || goes[by] {
				continue
			}
			if v.Damage != nil {
				return nil, fmt.Errorf("what %s was made from cannot be read: %w", by, v.Damage)
			}
			if err := r.add(s, by, v.Manifest); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *reach) add(s Sort, by string, m registry.Manifest) error {
	if s == Dataset {
		parents, err := catalog.Parents(m)
		for _, p := range parents {
			r.needs = append(r.needs, need{by, Dataset, p.Digest}, need{by, Dataset, fmt.Sprintf("%s@%d", p.Name, p.Version)})
		}
		return err
	}
	body, err := publish.ParseBody(m.Body)
	if err != nil || len(body.Lineage) == 0 {
		return nil // not an adapter of ours, which needs nothing here
	}
	var l adapters.Lineage
	if err := json.Unmarshal(body.Lineage, &l); err != nil {
		return fmt.Errorf("read the lineage of %s: %w", by, err)
	}
	for _, d := range l.Datasets {
		r.needs = append(r.needs, need{by, Dataset, d.Digest})
		if d.Version > 0 {
			r.needs = append(r.needs, need{by, Dataset, fmt.Sprintf("%s@%d", d.Name, d.Version)})
		}
	}
	if l.InitAdapter != "" {
		r.needs = append(r.needs, need{by, Adapter, l.InitAdapter})
	}
	return nil
}

// by lists who needs a version.
func (k *Keeper) by(ctx context.Context, r *reach, s Sort, v registry.Stored) ([]string, error) {
	names := map[string]bool{v.Ref.String(): true, v.Manifest.Digest: v.Manifest.Digest != ""}
	if s == Adapter && r.wants(Adapter) && v.Damage == nil {
		digest, err := k.weights(ctx, v)
		if err != nil {
			return nil, err
		}
		names[digest] = true
	}
	var list []string
	for _, n := range r.needs {
		if n.of == s && names[n.what] && (len(list) == 0 || list[len(list)-1] != n.by) {
			list = append(list, n.by)
		}
	}
	return list, nil
}

func (r *reach) wants(s Sort) bool {
	for _, n := range r.needs {
		if n.of == s {
			return true
		}
	}
	return false
}

// weights is the digest by which a lineage names the adapter that a training went on from.
func (k *Keeper) weights(ctx context.Context, v registry.Stored) (string, error) {
	found, err := publish.Version(ctx, k.Home.Adapters, v.Manifest)
	if err != nil {
		return "", err
	}
	return peft.Digest(found.Adapter), nil
}
