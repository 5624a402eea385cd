package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/worker"
)

func startupRow() row {
	return row{
		name: "startup", about: "`cultivar version`, beside importing torch, transformers and PEFT",
		unit: contest.Unit{Name: "ms", Scale: 1e3, Less: true}, runs: 5, contests: startupContests, notes: startupNotes,
	}
}

func (b *bench) binary() string { return filepath.Join(b.fixtures.Path, "cultivar") }

func startupContests(b *bench) ([]contest.Contest, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", b.binary(), "github.com/cultivar/cultivar/cmd/cultivar")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return []contest.Contest{{
		Name: "start", Cases: []string{"version"}, Unlike: true,
		Sides: []contest.Side{
			{Label: "cultivar", Program: "startup", Args: worker.StartupArgs{Binary: b.binary()}},
			{Label: "python imports", Peer: true, Program: "startup"},
		},
	}}, nil
}

func startupNotes(b *bench, r *contest.Report) error {
	info, err := os.Stat(b.binary())
	if err != nil {
		return err
	}
	r.Note("the binary has %.1f MB", float64(info.Size())/1e6)
	return nil
}
