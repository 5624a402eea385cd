// Package diff compares adapters by what they compute.
package diff

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
)

// Module compares what two adapters add to one weight: s·B·A with s the scaling. Norms are
// Frobenius norms; Difference is that of the difference.
type Module struct {
	Module     string  `json:"module"`
	A          float64 `json:"norm_a"` // 0 where the adapter has no such module
	B          float64 `json:"norm_b"`
	Difference float64 `json:"norm_difference"`
}

// Setting is a key of the configuration with its value on either side; "" where it is absent.
type Setting struct {
	Key string `json:"key"`
	A   string `json:"a"`
	B   string `json:"b"`
}

// Diff is what differs between two adapters. Modules are in order of their names; all that
// either adapter has are listed.
type Diff struct {
	A        string    `json:"a"`
	B        string    `json:"b"`
	Same     bool      `json:"same_content"`
	Settings []Setting `json:"settings"`
	Modules  []Module  `json:"modules"`
}

// Named is an adapter and what it is called.
type Named struct {
	Name string
	*adapters.Adapter
}

// Of compares two adapters by what they compute, so that factors which differ and multiply to the same
// update count as equal up to rounding.
func Of(a, b Named) (Diff, error) {
	d := Diff{
		A: a.Name, B: b.Name, Same: peft.Digest(a.Adapter) == peft.Digest(b.Adapter),
		Settings: adapterSettings(a.Config, b.Config), Modules: []Module{},
	}
	left, err := updates(a.Adapter)
	if err != nil {
		return d, err
	}
	right, err := updates(b.Adapter)
	if err != nil {
		return d, err
	}
	var names []string
	for name := range left {
		names = append(names, name)
	}
	for name := range right {
		if _, both := left[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		m, err := diffModule(name, left[name], right[name])
		if err != nil {
			return d, err
		}
		d.Modules = append(d.Modules, m)
	}
	return d, nil
}

// update is a module's s·B·A, of each expert's matrix where there are several.
type update []product

// product is s·B·A, not multiplied out.
type product struct {
	a, b          []float32 // (rank, in) and (out, rank), row-major
	rank, in, out int
	scaling       float64
}

func updates(a *adapters.Adapter) (map[string]update, error) {
	modules, err := peft.Modules(a)
	if err != nil {
		return nil, err
	}
	list := make(map[string]update, len(modules))
	for _, m := range modules {
		parts := []peft.Module{m}
		if m.Experts > 0 {
			parts = parts[:0]
			for e := range m.Experts {
				parts = append(parts, m.Expert(e, 0, m.B.Shape[0]))
			}
		}
		for _, p := range parts {
			rank := p.Rank()
			list[m.Name] = append(list[m.Name], product{p.A.Data, p.B.Data, rank, p.A.Shape[1], p.B.Shape[0], a.Config.ScalingOf(m.Key, rank)})
		}
	}
	return list, nil
}

func diffModule(name string, a, b update) (Module, error) {
	m := Module{Module: name}
	var aa, bb, ab float64
	if a != nil {
		aa = inner(a, a)
	}
	if b != nil {
		bb = inner(b, b)
	}
	if a != nil && b != nil {
		if x, y := a[0], b[0]; len(a) != len(b) || x.in != y.in || x.out != y.out {
			return m, fmt.Errorf("module %q is %s in one adapter and %s in the other: %w", name, a.size(), b.size(), adapters.ErrBaseMismatch)
		}
		ab = inner(a, b)
	}
	m.A, m.B = math.Sqrt(max(0, aa)), math.Sqrt(max(0, bb))
	m.Difference = math.Sqrt(max(0, aa-2*ab+bb))
	if a != nil && b != nil && a.equal(b) {
		m.Difference = 0 // what cancels in the sum above leaves the square root of a rounding error
	}
	return m, nil
}

func (u update) size() string {
	if len(u) == 1 {
		return fmt.Sprintf("%d×%d", u[0].out, u[0].in)
	}
	return fmt.Sprintf("%d experts of %d×%d", len(u), u[0].out, u[0].in)
}

func (u update) equal(v update) bool {
	return slices.EqualFunc(u, v, func(x, y product) bool {
		return x.scaling == y.scaling && slices.Equal(x.a, y.a) && slices.Equal(x.b, y.b)
	})
}

// inner is the Frobenius inner product of two updates of the same matrices.
func inner(x, y update) float64 {
	var sum float64
	for i := range x {
		sum += x[i].inner(y[i])
	}
	return sum
}

// inner is the Frobenius inner product ⟨s·B·A, t·D·C⟩ = s·t·tr((BᵀD)(C·Aᵀ)), in float64. It never
// makes a matrix of the weight's size: with ranks r and q it takes r·q·(in+out) steps.
func (x product) inner(y product) float64 {
	var sum float64
	for i := range x.rank {
		for j := range y.rank {
			var bd, ca float64
			for o := range x.out {
				bd += float64(x.b[o*x.rank+i]) * float64(y.b[o*y.rank+j])
			}
			for k := range x.in {
				ca += float64(x.a[i*x.in+k]) * float64(y.a[j*y.in+k])
			}
			sum += bd * ca
		}
	}
	return x.scaling * y.scaling * sum
}

// adapterSettings lists the settings that differ and change what is computed.
func adapterSettings(a, b adapters.Config) []Setting {
	list := []Setting{}
	add := func(key string, x, y any) {
		if left, right := fmt.Sprint(x), fmt.Sprint(y); left != right {
			list = append(list, Setting{key, left, right})
		}
	}
	add("r", a.Rank, b.Rank)
	add("lora_alpha", a.Alpha, b.Alpha)
	add("target_modules", strings.Join(a.TargetModules, ", "), strings.Join(b.TargetModules, ", "))
	add("target_parameters", strings.Join(a.TargetParameters, ", "), strings.Join(b.TargetParameters, ", "))
	add("use_rslora", a.UseRSLoRA, b.UseRSLoRA)
	add("use_dora", a.UseDoRA, b.UseDoRA)
	add("rank_pattern", a.RankPattern, b.RankPattern)
	add("alpha_pattern", a.AlphaPattern, b.AlphaPattern)
	return list
}
