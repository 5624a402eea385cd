// Package contest has processes, ours and the peer's, do the same work in turns, and reports how long each took,
// in how much memory, on which machine. That they did the same work is checked, how fast they are never.
package contest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// A Contest is some sides that do the same cases in turns.
type Contest struct {
	Name      string
	Sides     []Side // ours first; a peer's is left out when there is none
	Cases     []string
	Training  bool         // cases are steps, which follow each other in a run: a turn is two, of which the second counts
	Tolerance float64      // of the relative difference between the losses of the first runs; 0 compares none
	Unlike    bool         // the sides do not compute the same on purpose: only rates are compared
	After     func() error // what this process measures after every turn; may be nil
}

// A Harness runs contests.
type Harness struct {
	Python  string    // interpreter of the peer's environment, "" when there is none
	Scripts string    // directory of the peer's programs
	Runs    int       // measured runs of each case
	Only    string    // cases whose name contains this
	Log     io.Writer // a line a case
}

// Run runs contests and adds what came of them to the report.
func (h *Harness) Run(ctx context.Context, contests []Contest, rep *Report) error {
	for _, c := range contests {
		var picked []string
		for _, name := range c.Cases {
			if strings.Contains(c.Name+" "+name, h.Only) {
				picked = append(picked, name)
			}
		}
		if c.Cases = picked; len(picked) == 0 {
			continue
		}
		if err := h.run(ctx, c, rep); err != nil {
			return err
		}
	}
	if len(rep.Cases) == 0 {
		return fmt.Errorf("no case contains %q", h.Only)
	}
	return nil
}

// run starts the sides, has them take turns, stops them, and adds what came of it to the report.
func (h *Harness) run(ctx context.Context, c Contest, rep *Report) (err error) {
	var running []*process
	defer func() {
		for _, p := range running {
			_, stopErr := p.stop()
			err = errors.Join(err, stopErr)
		}
	}()
	for _, s := range c.Sides {
		if s.Peer && h.Python == "" {
			continue
		}
		p, err := h.start(ctx, s)
		if err != nil {
			return err
		}
		running = append(running, p)
		rep.version(p.versions)
	}
	first := len(rep.Cases)
	for _, name := range c.Cases {
		_, _ = fmt.Fprintf(h.Log, "%s %s\n", c.Name, name)
		samples, err := turns(running, name, h.Runs, c)
		if err != nil {
			return err
		}
		cr := Case{Contest: c.Name, Name: name}
		for i, p := range running {
			cr.Sides = append(cr.Sides, summarise(p.Label, p.Peer, samples[i], rep.Unit))
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
	run(name string) (Sample, error)
}

// turns has every side run a case once to warm up, which is also where their results are compared,
// and then measures runs in turns. Where these are steps of training, a side has one to get back into caches
// what the others drove out meanwhile.
func turns[S sided](sides []S, name string, runs int, c Contest) ([][]Sample, error) {
	var warm []Sample
	for _, s := range sides {
		w, err := s.run(name)
		if err != nil {
			return nil, err
		}
		warm = append(warm, w)
	}
	if !c.Unlike {
		if err := sameWork(warm, c.Tolerance); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	samples := make([][]Sample, len(sides))
	for range runs {
		for i, s := range sides {
			got, err := s.run(name)
			if c.Training && err == nil {
				got, err = s.run(name)
			}
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], got)
		}
		if c.After == nil {
			continue
		}
		if err := c.After(); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

// errOtherWork means that the sides cannot be compared.
var errOtherWork = errors.New("the sides did not do the same work")

// sameWork compares the results of the sides' first runs.
func sameWork(s []Sample, tolerance float64) error {
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
