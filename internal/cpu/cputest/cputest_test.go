package cputest_test

import (
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

func TestEachImplementationForcesEveryOneAndRestores(t *testing.T) {
	before := cpu.Current()
	var seen []cpu.Implementation
	cputest.EachImplementation(t, func(t *testing.T) { seen = append(seen, cpu.Current()) })
	if !slices.Equal(seen, cpu.Available()) {
		t.Errorf("ran under %v, want %v", seen, cpu.Available())
	}
	if got := cpu.Current(); got != before {
		t.Errorf("left %v in use, want %v", got, before)
	}
}
