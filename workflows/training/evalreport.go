package training

import (
	"context"
	"path/filepath"

	"github.com/cultivar/cultivar/workflows/reports"
)

// leave writes the page.
func (r *EvalResult) leave(ctx context.Context, o EvalOptions, divided bool) (err error) {
	if o.Report == "" && !o.LeaveReport {
		return nil
	}
	leave := reports.Leave{File: o.Report, Home: o.Home, Kind: "eval", Of: []string{o.Data, o.Split, o.Adapter, o.Base}, Warn: o.Warn}
	r.Report, err = leave.Page(ctx, r.page(o, divided))
	return err
}

func (r *EvalResult) page(o EvalOptions, divided bool) reports.Evaluation {
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
	return e
}
