// Corpus shows that the memory of `cultivar ingest` does not depend on the size of what it reads. It
// makes a corpus of a given size, ingests it with several budgets and numbers of workers, and prints
// the time, the peak of resident memory and the digest of each run. Digests that differ, and memory
// above the limit, are errors.
//
//	go build -o /tmp/cultivar ./cmd/cultivar
//	go run ./bench/corpus --bin /tmp/cultivar --bytes 5e9 --limit 1e9 --dir /tmp/corpus
//
// The corpus is JSON Lines: made-up prose, of which a twentieth are copies, a tenth resemble an
// earlier one, and a third end with the same notice.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type options struct {
	bin, dir     string
	bytes, shard float64
	limit        float64
	runs         string
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "", "the binary to measure; without it the corpus is made and no more")
	flag.StringVar(&o.dir, "dir", "", "folder for the corpus and the datasets; the corpus is kept, and taken as it is where there is one")
	flag.Float64Var(&o.bytes, "bytes", 1e8, "size of the corpus")
	flag.Float64Var(&o.shard, "shard", 5e7, "size of a file of it")
	flag.Float64Var(&o.limit, "limit", 1e9, "resident memory that is too much")
	flag.StringVar(&o.runs, "runs", "256:2,256:1,32:2", "budgets in MiB, each with a number of workers")
	flag.Parse()
	if err := o.run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "corpus: error:", err)
		os.Exit(1)
	}
}

func (o options) run() error {
	if o.dir == "" || flag.NArg() > 0 {
		return errors.New("want --dir, and no arguments")
	}
	folder, err := o.generate()
	if err != nil || o.bin == "" {
		return err
	}
	_, _ = fmt.Fprintf(os.Stdout, "%8s %8s %10s %12s  %s\n", "budget", "workers", "seconds", "peak MB", "digest")
	var first string
	for run := range strings.SplitSeq(o.runs, ",") {
		budget, workers, _ := strings.Cut(run, ":")
		m, err := strconv.Atoi(budget)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(workers)
		if err != nil {
			return err
		}
		r, err := o.measure(folder, m, n)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(os.Stdout, "%8s %8d %10.1f %12.0f  %s\n", budget+" MiB", n, r.seconds, r.peak/1e6, r.digest)
		if first == "" {
			first = r.digest
		}
		if r.digest != first {
			return errors.New("the digests differ")
		}
		if r.peak > o.limit {
			return fmt.Errorf("resident memory of %.0f MB is above the limit", r.peak/1e6)
		}
	}
	return nil
}
