package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/storetest"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

func bucket(t testing.TB) store.Bucket {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const lineage = `{"base":{"digest":"sha256:00","name":"tiny"},"metrics":{"train_loss":1.50}}`

// adapter writes an adapter's directory; more are files to add or replace, by name.
func adapter(t testing.TB, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"adapter_config.json":       `{"peft_type": "LORA", "r": 8}`,
		"adapter_model.safetensors": "tensors",
		"lineage.json":              lineage,
		"metrics.jsonl":             `{"step":1,"tokens_per_second":123}`,
		"README.md":                 "# card",
	}
	for name, text := range more {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestPublishAndPull(t *testing.T) {
	s3, err := open.Open(t.Context(), s3server.Start(t).NewBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]store.Bucket{"file": bucket(t), "s3": s3} {
		t.Run(name, func(t *testing.T) { roundTrip(t, registry.New(b, publish.Kind)) })
	}
}

func roundTrip(t *testing.T, reg *registry.Registry) {
	ctx := t.Context()
	dir := adapter(t, map[string]string{"events.log": "x", "report.html": "x", "state.safetensors": "x", "progress.json": "x"})
	for _, name := range []string{"checkpoints", "runs"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	o := publish.Options{Name: "support", Alias: "prod", Who: "ann", Why: "first", CreatedAt: time.Unix(1000, 0)}
	for run := range 2 { // the second run finds everything done
		result, err := publish.Publish(ctx, reg, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		m := result.Manifest
		if result.Created != (run == 0) || m.Version != 1 || m.CreatedBy != "ann" || m.CreatedAt.Unix() != 1000 || result.Alias.Seq != 1 || result.Alias.Why != "first" {
			t.Errorf("run %d: %+v", run, result)
		}
		if want := []string{"events.log", "runs/"}; !slices.Equal(result.Skipped, want) {
			t.Errorf("skipped %q, want %q", result.Skipped, want)
		}
		body, err := publish.ParseBody(m.Body)
		if err != nil || string(body.Lineage) != lineage || string(body.Config) != `{"peft_type":"LORA","r":8}` {
			t.Errorf("body %s, %v", m.Body, err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	validated := ""
	result, err := publish.Pull(ctx, reg, "support:prod", out, func(dir string) error { validated = dir; return nil })
	if err != nil || result.Manifest.Version != 1 || validated == "" || validated == out {
		t.Fatalf("pulled %+v, validated %q, %v", result, validated, err)
	}
	want := []string{"README.md", "adapter_config.json", "adapter_model.safetensors", "lineage.json", "metrics.jsonl"}
	if got := names(t, out); !slices.Equal(got, want) {
		t.Errorf("pulled %q, want %q", got, want)
	}
	if data, err := os.ReadFile(filepath.Join(out, "adapter_model.safetensors")); string(data) != "tensors" {
		t.Errorf("weights %q, %v", data, err)
	}
	report, err := registry.Check(ctx, reg.Bucket(), true, publish.Kind)
	if err != nil || !report.OK() {
		t.Errorf("check %+v, %v", report, err)
	}
}

// TestDigest: what differs between two runs of one training is not in the digest, all else is.
func TestDigest(t *testing.T) {
	digest := func(more map[string]string, o publish.Options) string {
		result, err := publish.Publish(t.Context(), registry.New(bucket(t), publish.Kind), adapter(t, more), o)
		if err != nil {
			t.Fatal(err)
		}
		return result.Manifest.Digest
	}
	base := digest(nil, publish.Options{Name: "a"})
	for name, same := range map[string]bool{
		"README.md": true, "metrics.jsonl": true, "training_config.json": true, "model.sig": true, "notes.txt": true,
		"adapter_model.safetensors": false, "tokenizer.json": false, "chat_template.jinja": false,
	} {
		if got := digest(map[string]string{name: "other"}, publish.Options{Name: "a"}); (got == base) != same {
			t.Errorf("with another %s: %s, base %s", name, got, base)
		}
	}
	if got := digest(nil, publish.Options{Name: "b", Version: 4, Who: "x", CreatedAt: time.Unix(1, 0)}); got != base {
		t.Errorf("under another name, version, author and time: %s, base %s", got, base)
	}
	if got := digest(map[string]string{"lineage.json": `{}`}, publish.Options{Name: "a"}); got == base {
		t.Error("another lineage has the same digest")
	}
}

func TestPublishRefuses(t *testing.T) {
	errInvalid := errors.New("NaN in layer 3")
	for name, test := range map[string]struct {
		more    map[string]string
		change  func(dir string) error
		options publish.Options
		want    error
	}{
		"name out":         {options: publish.Options{Name: "../x"}, want: registry.ErrBadName},
		"alias out":        {options: publish.Options{Name: "a", Alias: "../x"}, want: registry.ErrBadName},
		"no weights":       {change: func(dir string) error { return os.Remove(filepath.Join(dir, "adapter_model.safetensors")) }, want: adapters.ErrNotAdapter},
		"no config":        {change: func(dir string) error { return os.Remove(filepath.Join(dir, "adapter_config.json")) }, want: adapters.ErrNotAdapter},
		"no directory":     {change: os.RemoveAll, want: fs.ErrNotExist},
		"pickled weights":  {more: map[string]string{"adapter_model.bin": "x"}, want: publish.ErrUnsafe},
		"pickled rest":     {more: map[string]string{"Optimizer.PT": "x"}, want: publish.ErrUnsafe},
		"link":             {change: func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "tokenizer.json")) }, want: publish.ErrUnsafe},
		"link inside":      {change: func(dir string) error { return os.Symlink("README.md", filepath.Join(dir, "card.md")) }, want: publish.ErrUnsafe},
		"directory":        {change: func(dir string) error { return os.Mkdir(filepath.Join(dir, "tokenizer.json"), 0o777) }, want: publish.ErrUnsafe},
		"config no JSON":   {more: map[string]string{"adapter_config.json": "{"}, want: adapters.ErrNotAdapter},
		"config null":      {more: map[string]string{"adapter_config.json": "null"}, want: adapters.ErrNotAdapter},
		"not LoRA":         {more: map[string]string{"adapter_config.json": `{"peft_type":"IA3"}`}, want: adapters.ErrNotAdapter},
		"config huge":      {more: map[string]string{"adapter_config.json": `{"peft_type":"LORA"` + strings.Repeat(" ", 4<<20) + "}"}, want: adapters.ErrNotAdapter},
		"lineage no JSON":  {more: map[string]string{"lineage.json": "x"}, want: adapters.ErrNotAdapter},
		"validation fails": {options: publish.Options{Name: "a", Validate: func(string) error { return errInvalid }}, want: errInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			b := bucket(t)
			dir := adapter(t, test.more)
			if test.change != nil {
				if err := test.change(dir); err != nil {
					t.Fatal(err)
				}
			}
			if test.options.Name == "" {
				test.options.Name = "a"
			}
			_, err := publish.Publish(t.Context(), registry.New(b, publish.Kind), dir, test.options)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			for obj, err := range b.List(t.Context(), "") {
				t.Errorf("written: %s, %v", obj.Key, err)
			}
		})
	}
}

func TestTakenVersion(t *testing.T) {
	reg := registry.New(bucket(t), publish.Kind)
	if _, err := publish.Publish(t.Context(), reg, adapter(t, nil), publish.Options{Name: "a", Version: 1}); err != nil {
		t.Fatal(err)
	}
	other := adapter(t, map[string]string{"adapter_model.safetensors": "other"})
	_, err := publish.Publish(t.Context(), reg, other, publish.Options{Name: "a", Version: 1})
	if !errors.Is(err, registry.ErrVersionExists) {
		t.Errorf("taking a version: %v", err)
	}
}

// careless is a store that takes conditions and does not apply them.
type careless struct{ store.Bucket }

func (c careless) Put(ctx context.Context, key string, r io.Reader, size int64, _ store.Condition) (store.Object, error) {
	return c.Bucket.Put(ctx, key, r, size, store.Condition{})
}

func TestCarelessStoreIsRefused(t *testing.T) {
	b := careless{bucket(t)}
	_, err := publish.Publish(t.Context(), registry.New(b, publish.Kind), adapter(t, nil), publish.Options{Name: "a"})
	if !errors.Is(err, store.ErrNoConditions) {
		t.Errorf("publishing to a store that ignores conditions: %v", err)
	}
	for obj, err := range b.List(t.Context(), "") {
		t.Errorf("written: %s, %v", obj.Key, err)
	}
}

// TestKilledAnywhere kills a publish at each operation; run again it completes, with one version and
// one alias entry.
func TestKilledAnywhere(t *testing.T) {
	dir := adapter(t, nil)
	o := publish.Options{Name: "a", Alias: "prod", Who: "ann"}
	count := storetest.Break(bucket(t), nil)
	if _, err := publish.Publish(t.Context(), registry.New(count, publish.Kind), dir, o); err != nil {
		t.Fatal(err)
	}
	for n := range count.Ops() {
		for _, fault := range []storetest.Fault{storetest.CrashBefore, storetest.CrashAfter} {
			b := bucket(t)
			if _, err := publish.Publish(t.Context(), registry.New(storetest.Break(b, storetest.At(n, fault)), publish.Kind), dir, o); err == nil {
				t.Errorf("fault %d at operation %d went unnoticed", fault, n)
			}
			reg := registry.New(b, publish.Kind)
			if report, err := registry.Check(t.Context(), reg.Bucket(), true, publish.Kind); err != nil || !report.OK() {
				t.Errorf("fault %d at operation %d: %+v, %v", fault, n, report, err)
			}
			result, err := publish.Publish(t.Context(), reg, dir, o)
			if err != nil || result.Manifest.Version != 1 || result.Alias.Seq != 1 {
				t.Errorf("fault %d at operation %d: run again: %+v, %v", fault, n, result, err)
			}
		}
	}
}

func TestPullRefuses(t *testing.T) {
	reg := registry.New(bucket(t), publish.Kind)
	adapterBody := json.RawMessage(`{"kind":"adapter","adapter_config":{"peft_type":"LORA"}}`)
	good := map[string]string{"adapter_config.json": "{}", "adapter_model.safetensors": "x"}
	put := func(name string, body json.RawMessage, more map[string]string, without string) {
		t.Helper()
		d := registry.Draft{Name: name, Body: body, Files: map[string]registry.Source{}}
		for _, files := range []map[string]string{good, more} {
			for path, text := range files {
				d.Files[path] = registry.Bytes([]byte(text))
			}
		}
		delete(d.Files, without)
		if _, _, err := reg.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	put("dataset", json.RawMessage(`{"kind":"dataset"}`), nil, "")
	put("pickle", adapterBody, map[string]string{"deep/adapter_model.bin": "x"}, "")
	put("weightless", adapterBody, nil, "adapter_model.safetensors")
	put("fine", adapterBody, nil, "")
	errInvalid := errors.New("shape of layer 3")
	for ref, want := range map[string]error{
		"dataset": adapters.ErrNotAdapter, "pickle": publish.ErrUnsafe, "weightless": adapters.ErrNotAdapter, "fine": errInvalid,
		"absent": registry.ErrNoVersion, "fine@2": registry.ErrNoVersion, "fine:prod": registry.ErrNoAlias, "../fine": registry.ErrBadName,
	} {
		parent := t.TempDir()
		_, err := publish.Pull(t.Context(), reg, ref, filepath.Join(parent, "out"), func(string) error { return errInvalid })
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", ref, err, want)
		}
		if left := names(t, parent); len(left) != 0 {
			t.Errorf("%s: left %q", ref, left)
		}
	}
	if _, err := publish.Pull(t.Context(), reg, "fine", filepath.Join(t.TempDir(), "out"), nil); err != nil {
		t.Errorf("without validation: %v", err)
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`{"kind":"adapter","adapter_config":{},"lineage":{}}`))
	f.Add([]byte(`{"kind":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := publish.ParseBody(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := publish.ParseBody(again); err != nil {
			t.Errorf("%s encodes to %s: %v", data, again, err)
		}
	})
}

// TestContentDigest: what a training says of its directory is what the registry says of the version.
func TestContentDigest(t *testing.T) {
	dir := adapter(t, nil)
	want, err := publish.ContentDigest(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := publish.Publish(t.Context(), registry.New(bucket(t), publish.Kind), dir, publish.Options{Name: "a"})
	if err != nil || r.Manifest.Digest != want {
		t.Errorf("published %s, %v, want %s", r.Manifest.Digest, err, want)
	}
	for name, changes := range map[string]bool{
		"training_config.json": false, "metrics.jsonl": false, "README.md": false, "stray.txt": false,
		"lineage.json": true, "chat_template.jinja": true, "adapter_model.safetensors": true,
	} {
		got, err := publish.ContentDigest(t.Context(), adapter(t, map[string]string{name: `{"other": true}`}))
		if err != nil || (got != want) != changes {
			t.Errorf("another %s: %s, %v", name, got, err)
		}
	}
	if _, err := publish.ContentDigest(t.Context(), t.TempDir()); !errors.Is(err, adapters.ErrNotAdapter) {
		t.Errorf("no adapter: %v", err)
	}
}

// TestReplace: another adapter makes room; what its user put beside it does not.
func TestReplace(t *testing.T) {
	reg := registry.New(bucket(t), publish.Kind)
	for _, weights := range []string{"one", "two"} {
		dir := adapter(t, map[string]string{"adapter_model.safetensors": weights})
		if _, err := publish.Publish(t.Context(), reg, dir, publish.Options{Name: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	for ref, want := range map[string]string{"a@1": "one", "a@2": "two"} {
		if _, err := publish.Replace(t.Context(), reg, ref, out, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(out, "adapter_model.safetensors")); string(got) != want || err != nil {
			t.Errorf("%s holds %q, %v", ref, got, err)
		}
	}
	before := names(t, out)
	note := filepath.Join(out, "notes.txt")
	if err := os.WriteFile(note, []byte("keep"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"a@1", "a@2"} {
		if _, err := publish.Replace(t.Context(), reg, ref, out, nil); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "notes.txt") {
			t.Errorf("%s over a note: %v", ref, err)
		}
	}
	if now := names(t, out); len(now) != len(before)+1 {
		t.Errorf("left %v", now)
	}
	// An adapter that was trained there, or edited, is in no store.
	if err := errors.Join(os.Remove(note), os.WriteFile(filepath.Join(out, "adapter_model.safetensors"), []byte("own"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Replace(t.Context(), reg, "a@1", out, nil); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "adapter_model.safetensors") {
		t.Errorf("over an adapter that is not in the store: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "adapter_model.safetensors")); string(got) != "own" || err != nil {
		t.Errorf("it holds %q, %v", got, err)
	}
}
