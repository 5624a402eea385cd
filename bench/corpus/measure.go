package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

type result struct {
	seconds float64
	peak    float64 // bytes
	digest  string
}

// measure ingests the corpus into a home of its own, which is removed.
func (o options) measure(folder string, budgetMiB, workers int) (r result, err error) {
	home, err := os.MkdirTemp(o.dir, "home-*")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	config := filepath.Join(home, "ingest.yaml")
	text := fmt.Sprintf("workers: %d\nmemory_bytes: %d\nscratch_dir: %q\n", workers, budgetMiB<<20, home)
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		return r, err
	}
	c := exec.Command(o.bin, "--home", home, "ingest", folder, "--config", config, "--out", "corpus", "--json")
	c.Stderr = os.Stderr
	began := time.Now()
	out, err := c.Output()
	if err != nil {
		return r, err
	}
	r.seconds = time.Since(began).Seconds()
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = float64(usage.Maxrss)
		if runtime.GOOS != "darwin" {
			r.peak *= 1024 // getrusage(2): kilobytes everywhere else
		}
	}
	var report struct {
		Digest string `json:"digest"`
	}
	err = json.Unmarshal(out, &report)
	r.digest = report.Digest
	return r, err
}
