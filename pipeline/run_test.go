package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/source"
)

// memory is a source of files given as path → content, sorted by path.
type memory struct {
	name  string
	files map[string]string
	err   error // ends the walk
}

func (m memory) Name() string { return m.name }

func (m memory) Files(context.Context) iter.Seq2[source.File, error] {
	return func(yield func(source.File, error) bool) {
		var paths []string
		for p := range m.files {
			paths = append(paths, p)
		}
		slices.Sort(paths)
		for _, p := range paths {
			text := m.files[p]
			open := func() (io.ReadCloser, error) {
				if text == "unreadable" {
					return nil, fs.ErrPermission
				}
				return io.NopCloser(strings.NewReader(text)), nil
			}
			if !yield(source.File{Path: p, Size: int64(len(text)), Open: open}, nil) {
				return
			}
		}
		if m.err != nil {
			yield(source.File{}, m.err)
		}
	}
}

// table is a sink that keeps everything.
type table struct {
	Documents  []datasets.Document
	Exclusions []datasets.Exclusion
	Redactions []datasets.Redaction
	full       bool // refuse documents
}

var errFull = errors.New("disk is full")

func (r *table) Document(d datasets.Document) error {
	if r.full {
		return errFull
	}
	r.Documents = append(r.Documents, d)
	return nil
}
func (r *table) Exclusion(e datasets.Exclusion) error {
	r.Exclusions = append(r.Exclusions, e)
	return nil
}
func (r *table) Redaction(x datasets.Redaction) error {
	r.Redactions = append(r.Redactions, x)
	return nil
}

func (r *table) excluded(uri string) *datasets.Exclusion {
	for i := range r.Exclusions {
		if e := &r.Exclusions[i]; e.SourceURI == uri && e.Start < 0 {
			return e
		}
	}
	return nil
}

func (r *table) document(uri string) *datasets.Document {
	for i := range r.Documents {
		if r.Documents[i].SourceURI == uri {
			return &r.Documents[i]
		}
	}
	return nil
}

func mustRun(t *testing.T, cfg Config, sources ...Source) (*table, Stats) {
	t.Helper()
	var out table
	stats, err := Run(context.Background(), cfg, sources, &out)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out.Documents)) != stats.Out {
		t.Errorf("%d documents, stats say %d", len(out.Documents), stats.Out)
	}
	if err := stats.Reconcile(); err != nil {
		t.Error(err)
	}
	return &out, stats
}

// prose returns paragraphs of made-up but word-like text that differ by seed.
func prose(seed, sentences int) string {
	subjects := strings.Fields("Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike")
	verbs := strings.Fields("moves opens closes reviews signs stores ships returns checks plans builds tests")
	objects := strings.Fields("ledger pump valve contract invoice shelf report crate engine policy roster garden")
	var b strings.Builder
	x := uint32(seed)*2654435761 + 12345
	next := func(list []string) string {
		x = x*1664525 + 1013904223
		return list[int(x>>8)%len(list)]
	}
	for i := range sentences {
		fmt.Fprintf(&b, "%s %s the %s and then %s a %s with care.", next(subjects), next(verbs), next(objects), next(verbs), next(objects))
		if i%4 == 3 {
			b.WriteString("\n\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func corpus() memory {
	files := map[string]string{
		"a/hello.md":   "---\ntitle: Hello there\nauthor: Ann\ntags: [x, y]\ncreated: 2024-05-06\nlang: de-DE\n---\n# Heading\n\n" + prose(1, 20) + "\nWrite to ann@example.org.\r\n",
		"a/copy.txt":   prose(2, 20),
		"b/copy.txt":   "  " + prose(2, 20) + "\n",
		"b/near.txt":   prose(2, 20) + "One sentence more.",
		"c/empty.md":   " \n\u200b\n",
		"c/tiny.txt":   "too short",
		"c/blob.bin":   "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00",
		"c/image.png":  "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"c/locked.txt": "unreadable",
		"c/huge.txt":   strings.Repeat("x", 3000),
	}
	for i := range 30 {
		files[fmt.Sprintf("d/%02d.txt", i)] = prose(100+i, 12) + "\nThis message is confidential and for its recipient only.\n"
	}
	return memory{name: "mem", files: files}
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Source.MaxFileBytes = 2900
	return cfg
}

func TestRun(t *testing.T) {
	out, stats := mustRun(t, testConfig(), corpus())
	for uri, rule := range map[string]string{
		"mem/a/copy.txt": "dedup/exact", "mem/b/copy.txt": "dedup/near", "mem/c/empty.md": "clean/empty", "mem/c/tiny.txt": "filter/min_chars",
		"mem/c/blob.bin": "extract/unsupported", "mem/c/image.png": "extract/unsupported",
		"mem/c/locked.txt": "source/unreadable", "mem/c/huge.txt": "source/max_file_bytes",
	} {
		e := out.excluded(uri)
		if e == nil || e.Stage+"/"+e.Rule != rule || e.Reason == "" || e.Start != -1 || e.End != -1 {
			t.Errorf("%s: got %+v, want %s", uri, e, rule)
		}
		if stats.Dropped[rule] == 0 {
			t.Errorf("%s is not in the stats: %v", rule, stats.Dropped)
		}
	}
	if stats.Files != 40 || stats.In != 40 || stats.Out != 32 {
		t.Errorf("stats: %+v", stats)
	}
	near := out.document("mem/b/near.txt")
	if near == nil || near.DupCluster != near.DocID || out.excluded("mem/b/copy.txt").Related != near.DocID {
		t.Errorf("near-duplicates: %+v", near)
	}
}

func TestDocumentFields(t *testing.T) {
	cfg := testConfig()
	cfg.IngestedAt = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	out, stats := mustRun(t, cfg, corpus())
	d := out.document("mem/a/hello.md")
	if d == nil {
		t.Fatal("document is missing")
	}
	if d.Title != "Hello there" || d.Lang != "de" || d.MIME != "text/markdown" || len(d.DocID) != 32 || len(d.DocVersion) != 64 ||
		len(d.SourceETag) != 64 || !d.IngestedAt.Equal(cfg.IngestedAt) || d.CreatedAt.Format(time.DateOnly) != "2024-05-06" {
		t.Errorf("got %+v", d)
	}
	if d.Metadata["author"] != "Ann" || d.Metadata["tags"] != "x, y" || len(d.Metadata) != 2 {
		t.Errorf("metadata: %v", d.Metadata)
	}
	if !strings.HasPrefix(d.Text, "# Heading\n\n") || !strings.HasSuffix(d.Text, "Write to [EMAIL].") || d.NChars != len([]rune(d.Text)) {
		t.Errorf("text: %q", d.Text)
	}
	if len(d.Signals) < 20 || d.Signals["words"] < 100 {
		t.Errorf("signals: %v", d.Signals)
	}
	if len(out.Redactions) != 1 || stats.Redactions["EMAIL"] != 1 {
		t.Fatalf("redactions: %+v", out.Redactions)
	}
	x := out.Redactions[0]
	if x.DocID != d.DocID || x.DocVersion != d.DocVersion || x.End-x.Start != int64(len("ann@example.org")) || x.Replacement != "[EMAIL]" {
		t.Errorf("redaction: %+v", x)
	}
}

func TestBoilerplateIsASpan(t *testing.T) {
	out, stats := mustRun(t, testConfig(), corpus())
	if stats.Spans["filter/boilerplate"] != 30 {
		t.Errorf("spans: %v", stats.Spans)
	}
	d := out.document("mem/d/00.txt")
	if strings.Contains(d.Text, "confidential") {
		t.Error("boilerplate is still there")
	}
	for _, e := range out.Exclusions {
		if e.DocID == d.DocID {
			whole := []rune(testConfig().Clean.Text(corpus().files["d/00.txt"]))
			if got := string(whole[e.Start:e.End]); !strings.Contains(got, "confidential") || strings.Contains(got, "care.") {
				t.Errorf("evidence is %q", got)
			}
		}
	}
}

// The rows are the same at any number of workers, at any budget of memory, and on every run.
func TestRunIsDeterministic(t *testing.T) {
	var want []byte
	for i, workers := range []int{1, 2, 7, 64, 0} {
		cfg := testConfig()
		cfg.Workers, cfg.MemoryBytes, cfg.ScratchDir = workers, int64(1)<<(8*i), t.TempDir()
		out, _ := mustRun(t, cfg, corpus(), memory{name: "second", files: corpus().files})
		got, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers give other rows", workers)
		}
	}
}

// Without the stages that need the whole corpus, rows come before the source has ended.
func TestRunStreams(t *testing.T) {
	cfg := testConfig()
	cfg.Dedup.Exact, cfg.Dedup.Near, cfg.Filter.Boilerplate.Enabled = false, false, false
	src := memory{name: "m", files: map[string]string{}, err: errors.New("the end")}
	for i := range 1000 {
		src.files[fmt.Sprintf("%04d.txt", i)] = prose(i, 3)
	}
	var out table
	if _, err := Run(context.Background(), cfg, []Source{src}, &out); err == nil || !strings.Contains(err.Error(), "the end") {
		t.Fatalf("got %v", err)
	}
	if len(out.Documents) != 1000 {
		t.Errorf("%d documents before the error", len(out.Documents))
	}
}

func TestIdentityIsStable(t *testing.T) {
	before, _ := mustRun(t, testConfig(), memory{name: "m", files: map[string]string{"a.md": prose(1, 20), "b.md": prose(2, 20)}})
	after, _ := mustRun(t, testConfig(), memory{name: "m", files: map[string]string{"0.md": prose(9, 20), "a.md": prose(3, 20), "b.md": prose(2, 20) + "\r\n"}})
	a0, a1 := before.document("m/a.md"), after.document("m/a.md")
	b0, b1 := before.document("m/b.md"), after.document("m/b.md")
	if a0.DocID != a1.DocID || a0.DocVersion == a1.DocVersion {
		t.Error("changed text: the id has to stay, the version to change")
	}
	if b0.DocID != b1.DocID || b0.DocVersion != b1.DocVersion || b0.SourceETag == b1.SourceETag {
		t.Error("same clean text: id and version have to stay")
	}
	if DocID("a", "b", "c") == DocID("a", "bc", "") || DocID("s", "p", "") == DocID("t", "p", "") {
		t.Error("identities collide")
	}
}

func TestErrorsEndTheRun(t *testing.T) {
	ctx := context.Background()
	var out table
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Run(cancelled, testConfig(), []Source{corpus()}, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Run(ctx, testConfig(), []Source{corpus()}, &table{full: true}); !errors.Is(err, errFull) {
		t.Errorf("sink: %v", err)
	}
	if _, err := Run(ctx, testConfig(), []Source{corpus(), corpus()}, &out); !errors.Is(err, errTwice) {
		t.Errorf("same name: %v", err)
	}
	cfg := testConfig()
	cfg.MaxUnreadableShare = 0.05
	if _, err := Run(ctx, cfg, []Source{corpus()}, &out); !errors.Is(err, ErrUnreadable) {
		t.Errorf("unreadable share: %v", err)
	}
}

func TestStepPanicIsAnExclusion(t *testing.T) {
	d := apply(&draft{}, []step{{"clean", func(*draft) { panic("secret text") }}, {"filter", func(*draft) { t.Error("went on") }}})
	if d.Drop == nil || d.Drop.Rule != "panic" || strings.Contains(d.Drop.Reason, "secret") {
		t.Errorf("got %+v", d.Drop)
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Source.MaxFileBytes, cfg.Extract.TimeBudgetSeconds, cfg.Clean.MaxBlankLines = 0, -1, 0
	cfg.Filter.MinChars.Mode, cfg.Filter.Boilerplate.Share = "maybe", 2
	cfg.Redact.Entities, cfg.Redact.Threshold, cfg.Dedup.Threshold = []string{"NAME"}, 0, 0
	cfg.MaxUnreadableShare, cfg.Workers = 2, -1
	err := cfg.Validate()
	if err == nil {
		t.Fatal("all wrong, and valid")
	}
	for _, path := range []string{
		"source.max_file_bytes", "extract.time_budget_seconds", "clean.max_blank_lines", "filter.min_chars.mode",
		"filter.boilerplate.share", "redact.entities[0]", "redact.threshold", "dedup.threshold", "max_unreadable_share", "workers",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+path+":") {
			t.Errorf("%s is not named in:\n%v", path, err)
		}
	}
}

func TestConfigDigest(t *testing.T) {
	a, b := DefaultConfig(), DefaultConfig()
	b.Workers, b.MemoryBytes, b.ScratchDir = 9, 1, "/scratch"
	b.IngestedAt, b.Progress = time.Now(), func(Stats) {}
	if a.Digest() != b.Digest() || !strings.HasPrefix(a.Digest(), "sha256:") {
		t.Error("settings without effect change the digest")
	}
	b.Filter.MinChars.Threshold++
	if a.Digest() == b.Digest() {
		t.Error("a threshold does not change the digest")
	}
}

// A configuration file names what it changes, and the defaults stand for the rest.
func TestConfigFromYAML(t *testing.T) {
	cfg := DefaultConfig()
	text := "filter:\n  min_words: {mode: drop, threshold: 5}\n  boilerplate: {share: 0.9}\nredact:\n  entities: [EMAIL]\nsource:\n  ignore: ['*.log']\n"
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Filter.MinWords.Mode, want.Filter.MinWords.Threshold = "drop", 5
	want.Filter.Boilerplate.Share = 0.9
	want.Redact.Entities = []string{"EMAIL"}
	want.Source.Ignore = []string{"*.log"}
	if cfg.Digest() != want.Digest() {
		t.Errorf("got %+v", cfg)
	}
	if err := yaml.NewDecoder(strings.NewReader("dedupe: {}"), yaml.Strict()).Decode(&cfg); err == nil {
		t.Error("an unknown key passes")
	}
}

func TestTitleAndMetadataAreRedacted(t *testing.T) {
	src := memory{name: "m", files: map[string]string{
		"a.md": "---\ntitle: Ask ann@example.org\nphone: 5550100123\ncount: 5550100123\ndb_password: hunter2hunter3\n---\n" + prose(1, 5),
	}}
	out, stats := mustRun(t, testConfig(), src)
	d := out.Documents[0]
	if d.Title != "Ask [EMAIL]" || d.Metadata["phone"] != "[PHONE]" || d.Metadata["db_password"] != "[SECRET]" || d.Metadata["count"] != "5550100123" {
		t.Errorf("title %q, metadata %v", d.Title, d.Metadata)
	}
	for _, x := range out.Redactions {
		if x.Start != -1 || x.End != -1 {
			t.Errorf("offsets outside of the text: %+v", x)
		}
	}
	if stats.Redactions["EMAIL"] != 1 || stats.Redactions["PHONE"] != 1 || stats.Redactions["SECRET"] != 1 {
		t.Errorf("stats: %v", stats.Redactions)
	}
}

func TestRowsOfOneFile(t *testing.T) {
	row := func(id, text string) string { return fmt.Sprintf("{\"id\": %q, \"text\": %q}\n", id, text) }
	src := memory{name: "m", files: map[string]string{
		"rows.jsonl": row("a", prose(1, 9)) + row("b", prose(2, 9)) + row("a", prose(3, 9)) + "{broken\n" + row("c", " "),
	}}
	out, stats := mustRun(t, testConfig(), src)
	if stats.Files != 1 || stats.In != 5 || stats.Out != 3 || out.document("m/rows.jsonl#b") == nil || out.document("m/rows.jsonl#a#2") == nil {
		t.Errorf("stats: %+v", stats)
	}
	for _, rule := range []string{"extract/malformed", "clean/empty"} {
		if stats.Dropped[rule] != 1 {
			t.Errorf("%s: %v", rule, stats.Dropped)
		}
	}
}

func TestProgress(t *testing.T) {
	var calls []Stats
	cfg := testConfig()
	cfg.Progress = func(s Stats) { calls = append(calls, s) }
	_, stats := mustRun(t, cfg, corpus(), memory{name: "second", files: corpus().files})
	if len(calls) < 2 || calls[0].Out >= stats.Out || calls[len(calls)-1].Out != stats.Out {
		t.Errorf("%d calls", len(calls))
	}
}

// The folder as a whole: a run over real files, with an ignore file.
func TestRunOverFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.md": "# One\n\n" + prose(1, 9), "b.html": "<h1>Two</h1><p>" + prose(2, 9), "c.csv": "text,id\n\"" + prose(3, 3) + "\",7\n", "d.log": "x", ".cultivarignore": "*.log\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	src, err := source.OpenDir("docs", dir, source.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	out, stats := mustRun(t, DefaultConfig(), src)
	var got []string
	for _, d := range out.Documents {
		got = append(got, d.SourceURI+" "+d.Title)
	}
	if want := []string{"docs/a.md One", "docs/b.html Two", "docs/c.csv#7 "}; !slices.Equal(got, want) || stats.DroppedTotal() != 0 {
		t.Errorf("got %q, dropped %v", got, stats.Dropped)
	}
}

func BenchmarkRun(b *testing.B) {
	src := memory{name: "m", files: map[string]string{}}
	size := 0
	for i := range 200 {
		text := prose(i, 200)
		src.files[fmt.Sprintf("%03d.md", i)] = text
		size += len(text)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := Run(context.Background(), DefaultConfig(), []Source{src}, &table{}); err != nil {
			b.Fatal(err)
		}
	}
}
