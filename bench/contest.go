package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A contest is some sides that do the same cases in turns.
type contest struct {
	name      string
	sides     []side // ours first; a peer's is left out when there is none
	cases     []string
	tolerance float64      // of the relative difference between the losses of the first runs; 0 compares none
	unlike    bool         // the sides do not compute the same on purpose: only rates are compared
	after     func() error // what this process measures after every turn; may be nil
}

// training reports whether cases are steps of training, which follow each other in a run: then a turn is two
// runs, of which the second counts.
func (c contest) training() bool {
	return slices.ContainsFunc(c.sides, func(s side) bool { return s.program == "train" })
}

// measure runs the contests of a row.
func (b *bench) measure(ctx context.Context, r row) (*report, error) {
	contests, err := r.contests(b)
	if err != nil {
		return nil, err
	}
	rep := &report{Row: r.name, About: r.about, Unit: r.unit, Machine: describeMachine()}
	runs := r.runs
	if b.runs > 0 {
		runs = b.runs
	}
	for _, c := range contests {
		var picked []string
		for _, name := range c.cases {
			if strings.Contains(c.name+" "+name, b.only) {
				picked = append(picked, name)
			}
		}
		if c.cases = picked; len(picked) == 0 {
			continue
		}
		if err := b.contest(ctx, c, runs, rep); err != nil {
			return nil, err
		}
	}
	if len(rep.Cases) == 0 {
		return nil, fmt.Errorf("no case contains %q", b.only)
	}
	if b.python == "" {
		rep.note("the peer was not there: run bench/peer/setup to have it measured beside us")
	}
	if r.notes != nil {
		return rep, r.notes(b, rep)
	}
	return rep, nil
}

// contest starts the sides, has them take turns, stops them, and adds what came of it to the report.
func (b *bench) contest(ctx context.Context, c contest, runs int, rep *report) (err error) {
	var running []*process
	defer func() {
		for _, p := range running {
			_, stopErr := p.stop()
			err = errors.Join(err, stopErr)
		}
	}()
	for _, s := range c.sides {
		if s.peer && b.python == "" {
			continue
		}
		p, err := b.start(ctx, s)
		if err != nil {
			return err
		}
		running = append(running, p)
		rep.version(p.versions)
	}
	first := len(rep.Cases)
	for _, name := range c.cases {
		_, _ = fmt.Fprintf(b.log, "%s %s\n", c.name, name)
		samples, err := turns(running, name, runs, c)
		if err != nil {
			return err
		}
		cr := caseResult{Contest: c.name, Name: name}
		for i, p := range running {
			cr.Sides = append(cr.Sides, summarise(p.label, p.peer, samples[i], rep.Unit))
		}
		rep.Cases = append(rep.Cases, cr)
	}
	for i, p := range running {
		peak, err := p.stop()
		if err != nil {
			return err
		}
		for j := first; j < len(rep.Cases); j++ {
			rep.Cases[j].Sides[i].PeakRSS = peak
		}
	}
	return nil
}

// A sided runs cases; what a process is to turns.
type sided interface {
	run(name string) (sample, error)
}

// turns has every side run a case once to warm up, which is also where their results are compared,
// and then measures runs in turns. Where these are steps of training, a side has one to get back into caches
// what the others drove out meanwhile.
func turns[S sided](sides []S, name string, runs int, c contest) ([][]sample, error) {
	var warm []sample
	for _, s := range sides {
		w, err := s.run(name)
		if err != nil {
			return nil, err
		}
		warm = append(warm, w)
	}
	if !c.unlike {
		if err := sameWork(warm, c.tolerance); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	samples := make([][]sample, len(sides))
	for range runs {
		for i, s := range sides {
			got, err := s.run(name)
			if c.training() && err == nil {
				got, err = s.run(name)
			}
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], got)
		}
		if c.after == nil {
			continue
		}
		if err := c.after(); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

// errOtherWork means that the sides cannot be compared.
var errOtherWork = errors.New("the sides did not do the same work")

// sameWork compares the results of the sides' first runs.
func sameWork(s []sample, tolerance float64) error {
	for i := 1; i < len(s); i++ {
		switch a, b := s[0], s[i]; {
		case a.Work != b.Work:
			return fmt.Errorf("%w: %g here, %g there", errOtherWork, a.Work, b.Work)
		case a.Check != b.Check:
			return fmt.Errorf("%w: result %s here, %s there", errOtherWork, a.Check, b.Check)
		case tolerance > 0 && !(math.Abs(a.Loss-b.Loss) <= tolerance*math.Abs(a.Loss)):
			return fmt.Errorf("%w: loss %g here, %g there", errOtherWork, a.Loss, b.Loss)
		}
	}
	return nil
}
