// Knowledge shows what an adapter knows of documents after each of several recipes, and what it cost: how
// many questions about them it answers with nothing at hand, the knowledge score, and the loss on general text,
// which the documents must not raise. The documents are those that the program carries, whose facts stand in
// many of them, and 18 more of another company that does not exist, with 36 facts that stand in one each.
//
//	go build -o /tmp/cultivar ./cmd/cultivar
//	go run ./bench/knowledge --bin /tmp/cultivar --base gemma.gguf --general texts.jsonl --dir /tmp/knowledge
//
// A recipe that is done is not done again. All have the same number of steps over batches of the same size.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

type options struct {
	bin, dir, base, general string
	recipes                 string
	set                     string
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "", "the program")
	flag.StringVar(&o.dir, "dir", "", "folder for what is made")
	flag.StringVar(&o.base, "base", "", "the base")
	flag.StringVar(&o.general, "general", "", "JSON Lines of texts that have nothing to do with the documents; without it no loss is measured")
	flag.StringVar(&o.recipes, "recipes", "", "some of them, with commas between (default all)")
	flag.StringVar(&o.set, "set", "", "key=value of the training, several with commas between, for all recipes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "knowledge: error:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context, out io.Writer) error {
	if o.bin == "" || o.dir == "" || o.base == "" {
		return errors.New("want --bin, --base and --dir")
	}
	for _, path := range []*string{&o.bin, &o.dir, &o.base, &o.general} {
		var err error
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	b := &bench{options: o}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "recipe\tof 29 stated often\tof 36 stated once\tknowledge\tloss on general text")
	base, err := b.measure(ctx, "")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "none\t%s\n", base)
	for _, r := range recipes() {
		if o.recipes != "" && !slices.Contains(strings.Split(o.recipes, ","), r.name) {
			continue
		}
		m, err := b.try(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", r.name, m)
	}
	return w.Flush()
}
