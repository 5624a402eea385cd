// Package all lists the formats, so that adding one is a line here and no init function anywhere.
package all

import (
	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/extract/csv"
	"github.com/cultivar/cultivar/pipeline/extract/html"
	"github.com/cultivar/cultivar/pipeline/extract/jsonl"
	"github.com/cultivar/cultivar/pipeline/extract/markdown"
	"github.com/cultivar/cultivar/pipeline/extract/parquet"
	"github.com/cultivar/cultivar/pipeline/extract/text"
)

// New returns every format under the configured budget.
func New(cfg extract.Config) *extract.Registry {
	rows := extract.RowReader{Fields: cfg.Fields, Rows: cfg.Rows.Options()}
	return extract.NewRegistry(cfg.Budget(),
		markdown.Format{},
		html.Format{MainContent: cfg.HTMLMainContent},
		jsonl.Format{RowReader: rows},
		csv.Format{RowReader: rows},
		parquet.Format{RowReader: rows},
		text.Format{},
	)
}
