package model

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/families"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Families is what is particular to each family in its files, for whoever opens a base.
func Families() bases.Families {
	var all bases.Families
	for _, f := range families.All() {
		all = append(all, f.Files)
	}
	return all
}

// Architectures lists what New supports, sorted.
func Architectures() []string { return Families().Architectures() }

// familyOf makes the family of a configuration.
func familyOf(c *bases.Config) (*nn.Family, error) {
	for _, f := range families.All() {
		if f.Files.Fits(c) {
			return f.Make(c)
		}
	}
	return nil, Families().Unsupported(c)
}
