package door

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/version"
)

// BaseUsage is what --base takes.
const BaseUsage = "model directory, GGUF file, or hf://org/name@revision"

// AdapterUsage is what --adapter takes.
const AdapterUsage = "adapter directory, or NAME, NAME@3 or NAME:ALIAS in the registry"

// StoreUsage is what --store takes.
const StoreUsage = "store, a directory or s3://bucket/prefix (default the home's registry)"

// OtherBaseFlag lets an adapter be used with a base that it was not trained on.
const OtherBaseFlag = "allow-other-base"

// AllowOtherBase adds the flag that lets an adapter be used with another base.
func AllowOtherBase(c *cobra.Command, allowed *bool) {
	c.Flags().BoolVar(allowed, OtherBaseFlag, false, "use the adapter with a base that it was not trained on, such as the original of one that was quantised for training")
}

// Warn prints what is odd and does not stop the work.
func (a *App) Warn(text string) { a.Note("warning: %s", text) }

// LocalBase returns the path of a base: what a reference to the hub names is downloaded first, as
// far as it is not there; anything else is a path, of something that may be a base. "" stays, where a verb
// needs none.
func (a *App) LocalBase(ctx context.Context, base string) (string, error) {
	if !hub.IsRef(base) && base != "" {
		return base, NotBase(base)
	}
	return a.Fetched(ctx, base)
}

// Fetched downloads what a reference to the hub names; anything else is a path already.
func (a *App) Fetched(ctx context.Context, base string) (string, error) {
	if !hub.IsRef(base) {
		return base, nil
	}
	ref, err := hub.ParseRef(base)
	if err != nil {
		return "", UsageError(err)
	}
	cfg, err := hub.FromEnv()
	if err != nil {
		return "", err
	}
	view := &downloadView{app: a, ref: ref, cache: cfg.Cache}
	defer view.close()
	cfg.Agent = version.Tool
	cfg.OnStart, cfg.OnBytes = view.start, view.bytes
	cfg.OnNotice = func(text string) { a.Note("warning: %s", text) }
	return hub.New(cfg).Snapshot(ctx, ref)
}

// downloadView shows a download: a bar on a terminal, a line now and then elsewhere.
type downloadView struct {
	app   *App
	ref   hub.Ref
	cache string
	bar   *Bar
	total int64
	last  time.Time
}

// megabyte is the unit of the bar.
const megabyte = 1_000_000

func (v *downloadView) start(files int, total, had int64) {
	v.close()
	v.app.Note("downloading %s into %s: %s in %d files", v.ref, v.cache, humanize.Bytes(total), files)
	if had > 0 {
		v.app.Note("going on after %s of an earlier download", humanize.Bytes(had))
	}
	v.total, v.last = total, time.Now()
	v.bar = NewBar(v.app.Err, "download", int(total/megabyte), int(had/megabyte))
}

func (v *downloadView) bytes(done int64) {
	if v.bar == nil || v.bar.Set(int(done/megabyte), "MB") {
		return
	}
	if time.Since(v.last) > 10*time.Second && v.total > 0 {
		v.last = time.Now()
		v.app.Note("downloaded %s of %s (%d%%)", humanize.Bytes(done), humanize.Bytes(v.total), 100*done/v.total)
	}
}

func (v *downloadView) close() { v.bar.Clear() }
