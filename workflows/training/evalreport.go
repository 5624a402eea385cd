package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/reports"
)

// reportFile is where the report of an evaluation goes unless somebody says otherwise: to the home, under a name
// that the same evaluation has again. It is "" where the home is not on this machine.
func (o EvalOptions) reportFile(ctx context.Context) (string, error) {
	h, err := home.Open(ctx, o.Home)
	if err != nil || h.Reports() == "" {
		return "", err
	}
	parts := []string{baseName(o.Data), o.Split, baseName(o.Adapter), baseName(o.Base)}
	sum := sha256.Sum256([]byte(strings.Join([]string{o.Data, o.Split, o.Adapter, o.Base}, "\x00")))
	name := "eval"
	for _, p := range parts {
		if p != "" {
			name += "-" + p
		}
	}
	return filepath.Join(h.Reports(), name+"-"+hex.EncodeToString(sum[:4])+".html"), nil
}

// baseName is the last part of a name or a path as a part of a file's name.
func baseName(s string) string {
	if s == "" {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '@' {
			return r
		}
		return '_'
	}, filepath.Base(s)[:min(40, len(filepath.Base(s)))])
}

// leave writes the page. What keeps it from being written where nobody asked for it fails no evaluation.
func (r *EvalResult) leave(ctx context.Context, o EvalOptions, divided bool) error {
	if o.Report != "" || !o.LeaveReport {
		return r.write(o, divided)
	}
	var err error
	if o.Report, err = o.reportFile(ctx); err == nil {
		err = r.write(o, divided)
	}
	if err != nil && o.Warn != nil {
		o.Warn("there is no report: " + err.Error())
	}
	return nil
}

func (r *EvalResult) write(o EvalOptions, divided bool) error {
	if o.Report == "" {
		return nil
	}
	e := reports.Evaluation{
		Base: filepath.Base(o.Base), Data: filepath.Base(o.Data), Objective: r.Objective, Unit: r.Unit, Loss: r.Loss, Metrics: r.Metrics,
		Tokens: r.Tokens, Count: r.Count, Windowed: r.Windowed, IDs: r.IDs, Rows: r.Rows,
	}
	if o.Adapter != "" {
		e.Adapter = filepath.Base(o.Adapter)
	}
	if divided {
		e.Split = o.Split
	}
	if err := os.MkdirAll(filepath.Dir(o.Report), 0o700); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := reports.Write(o.Report, e.Page()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	r.Report = o.Report
	return nil
}
