// Bench measures the program beside its peers: PyTorch with PEFT, MKL, the tokenizers library. Each
// row of the table in README.md is one command, `go run ./bench ROW`, which runs both sides on the
// same model and the same data, in turns, and prints both and the ratio.
//
// A timing is never a test: nothing here fails because something is slow. It fails when the two
// sides did not do the same work.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/bench/worker"
	"github.com/cultivar/cultivar/internal/cpu"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := cpu.FromEnv()
	if err == nil {
		err = run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// A row is one line of the table: contests between us and the peer.
type row struct {
	name, about string
	unit        contest.Unit
	runs        int // measured runs of each case, unless --runs says otherwise
	contests    func(*bench) ([]contest.Contest, error)
	notes       func(*bench, *contest.Report) error // adds what follows from the figures; may be nil
}

// rows are the lines of the table in the order of README.md.
func rows() []row {
	return []row{
		stepRow(), sftRow(), packedRow(), scalingRow(), quantisedRow(), gemmRow(),
		attentionRow(), decodeRow(), tokenizerRow(), startupRow(),
	}
}

// A bench is what the flags say.
type bench struct {
	harness  contest.Harness
	fixtures fixture.Dir
	shared   string // files that are not ours, for the tokenizer
}

func run(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	if len(args) > 0 && args[0] == contest.WorkerArg {
		return worker.All().Serve(args[1:], in, out)
	}
	b := &bench{harness: contest.Harness{Log: log}, fixtures: fixture.Dir{Log: log}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&b.fixtures.Path, "dir", cached("cultivar-bench"), "where generated models and data are kept")
	f.StringVar(&b.harness.Python, "python", "", "interpreter of the peer's environment (default: CULTIVAR_PEER, or where peer/setup puts it)")
	f.IntVar(&b.harness.Runs, "runs", 0, "measured runs of each case (default: the row's)")
	f.StringVar(&b.harness.Only, "only", "", "only cases whose name contains this")
	f.StringVar(&b.shared, "shared", sharedDir(), "directory with published tokenizers and texts")
	alone := f.Bool("alone", false, "measure us without the peer")
	asJSON := f.Bool("json", false, "print the report as JSON")
	f.Usage = func() { usage(f) }
	name := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	r, err := find(name)
	if err != nil {
		usage(f)
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: one row at a time", f.Arg(0))
	}
	if err := b.findPeer(*alone); err != nil {
		return err
	}
	rep, err := b.measure(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(rep)
	}
	return rep.Print(out)
}

// measure runs the contests of a row.
func (b *bench) measure(ctx context.Context, r row) (*contest.Report, error) {
	contests, err := r.contests(b)
	if err != nil {
		return nil, err
	}
	rep := contest.NewReport(r.name, r.about, r.unit)
	h := b.harness
	if h.Runs <= 0 {
		h.Runs = r.runs
	}
	if err := h.Run(ctx, contests, rep); err != nil {
		return nil, err
	}
	if h.Python == "" {
		rep.Note("the peer was not there: run bench/peer/setup to have it measured beside us")
	}
	if r.notes != nil {
		return rep, r.notes(b, rep)
	}
	return rep, nil
}

func find(name string) (row, error) {
	for _, r := range rows() {
		if r.name == name {
			return r, nil
		}
	}
	if name == "" {
		return row{}, errors.New("which row?")
	}
	return row{}, fmt.Errorf("there is no row %q", name)
}

func usage(f *flag.FlagSet) {
	w := f.Output()
	_, _ = fmt.Fprint(w, "usage: go run ./bench ROW [flags]\n\nrows:\n")
	for _, r := range rows() {
		_, _ = fmt.Fprintf(w, "  %-10s %s\n", r.name, r.about)
	}
	_, _ = fmt.Fprint(w, "\nflags:\n")
	f.PrintDefaults()
}

// cached is a directory of ours in the user's cache.
func cached(name string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, name)
}

// sharedDir is where the tests look as well: beside the repository, or where CULTIVAR_SHARED says.
func sharedDir() string {
	if dir := os.Getenv("CULTIVAR_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared")
}
