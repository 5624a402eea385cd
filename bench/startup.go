package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startupArgs name the program that is started.
type startupArgs struct {
	Binary string `json:"binary"`
}

// startsInRun is how often a run starts the program.
const startsInRun = 10

func newStartupWorker(text json.RawMessage) (runner, error) {
	var args startupArgs
	if err := json.Unmarshal(text, &args); err != nil {
		return nil, err
	}
	return func(string) (sample, error) {
		began := time.Now()
		for range startsInRun {
			cmd := exec.Command(args.Binary, "version")
			cmd.Stdout = io.Discard
			if err := cmd.Run(); err != nil {
				return sample{}, err
			}
		}
		return sample{Seconds: time.Since(began).Seconds(), Work: startsInRun}, nil
	}, nil
}

func startupRow() row {
	return row{
		name: "startup", about: "`cultivar version`, beside importing torch, transformers and PEFT",
		unit: unit{Name: "ms", Scale: 1e3, Less: true}, runs: 5, contests: startupContests, notes: startupNotes,
	}
}

func (b *bench) binary() string { return filepath.Join(b.dir, "cultivar") }

func startupContests(b *bench) ([]contest, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", b.binary(), "github.com/cultivar/cultivar/cmd/cultivar")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return []contest{{
		name: "start", cases: []string{"version"}, unlike: true,
		sides: []side{
			{label: "cultivar", program: "startup", args: startupArgs{b.binary()}},
			{label: "python imports", peer: true, program: "startup"},
		},
	}}, nil
}

func startupNotes(b *bench, r *report) error {
	info, err := os.Stat(b.binary())
	if err != nil {
		return err
	}
	r.note("the binary has %.1f MB", float64(info.Size())/1e6)
	return nil
}
