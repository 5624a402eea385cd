// Package upkeep keeps a home, or a store alone, in order: it removes what somebody names, collects what nobody
// needs, and mends what is damaged. All of it says first what it would do, deletes in two phases, and leaves alone
// what an alias points at or what the lineage of something kept names.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/fault"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// Sentinel errors.
var (
	// ErrNeeded means that something else needs what would be removed.
	ErrNeeded = errors.New("it is needed")
	// ErrAmbiguous means that a name is one of several things.
	ErrAmbiguous = errors.New("ambiguous name")
	// ErrDamaged means that a store cannot be cleaned up as long as it is damaged.
	ErrDamaged = errors.New("the store is damaged")
)

// Sort is a sort of things that can be removed.
type Sort string

// The sorts.
const (
	Dataset Sort = "dataset"
	Adapter Sort = "adapter"
	Run     Sort = "run"
)

// Sorts lists all sorts.
var Sorts = []Sort{Dataset, Adapter, Run}

// Grace is how long what was marked stays, unless something else is asked for: longer than anybody takes to
// publish, and long enough to notice a mistake.
const Grace = 7 * 24 * time.Hour

// Item is one thing that is dealt with.
type Item struct {
	What   string    `json:"what"` // dataset, adapter, alias, run, file, tree, result, report, cache, view
	Name   string    `json:"name"`
	Bytes  int64     `json:"bytes"`
	Action Action    `json:"action"`
	Why    string    `json:"why,omitempty"`
	Due    time.Time `json:"due,omitzero"` // when what is marked may be deleted
}

// Action is what is done with an item, or would be.
type Action string

// The actions.
const (
	Remove   Action = "remove"   // out of all lists; deleted when it is due
	Withdraw Action = "withdraw" // of an alias, which then points nowhere
	Restore  Action = "restore"  // a removal is taken back, or damage mended
	Mark     Action = "mark"     // found to be garbage
	Wait     Action = "wait"     // garbage that is not due
	Delete   Action = "delete"
	Keep     Action = "keep" // it cannot be done; why says why
)

// Report is what was done or, in a dry run, would be.
type Report struct {
	Dry   bool   `json:"dry"`
	Items []Item `json:"items"`
}

// Bytes sums what one of the actions was done to.
func (r Report) Bytes(a Action) (n int, bytes int64) {
	for _, i := range r.Items {
		if i.Action == a {
			n++
			bytes += i.Bytes
		}
	}
	return n, bytes
}

// Keeper does the work in one home.
type Keeper struct {
	Home    *home.Home
	History *run.History
	Now     func() time.Time
	Who     string
}

// registry of a sort that has versions.
func (k *Keeper) registry(s Sort) *registry.Registry {
	if s == Dataset {
		return k.Home.Datasets.Registry()
	}
	return k.Home.Adapters
}

// tidy makes whole what a process was killed at: versions of older programs move in, every version has its
// directory, and what was being written is gone.
func (k *Keeper) tidy(ctx context.Context) error {
	if s, ok := k.Home.Bucket.(store.Sweeper); ok {
		s.Sweep()
	}
	return k.Home.Datasets.Settle(ctx)
}

// versions lists what a registry holds.
func (k *Keeper) versions(ctx context.Context, s Sort) ([]registry.Stored, error) {
	var list []registry.Stored
	for v, err := range k.registry(s).All(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// called names a version by its sort.
func called(s Sort, ref registry.Ref) string { return string(s) + " " + ref.String() }

// needed is an error that lists who needs something.
func needed(what string, by []string) error {
	return fault.Mark(fault.Refused, fmt.Errorf("%s: %w: %s", what, ErrNeeded, strings.Join(by, ", ")))
}

// damaged is an error that keeps a store from being cleaned up.
func damaged(err error) error {
	return fault.Mark(fault.Corrupt, fmt.Errorf("%w: %w", ErrDamaged, err))
}
