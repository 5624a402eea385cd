package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/reports"
)

// maxLog bounds the log of a training that a card is drawn from, in bytes: some hundred thousand steps.
const maxLog = 64 << 20

// WriteCard writes a page about a published version to a file.
func WriteCard(ctx context.Context, reg *registry.Registry, m registry.Manifest, aliases []string, path string) error {
	body, err := publish.ParseBody(m.Body)
	if err != nil {
		return err
	}
	card := reports.Adapter{Manifest: m, Aliases: aliases}
	if card.Config, err = peft.ParseConfig(body.Config); err != nil {
		return fmt.Errorf("%s of %s: %w", peft.ConfigName, m.Ref(), err)
	}
	if len(body.Lineage) > 0 {
		card.Lineage = new(adapters.Lineage)
		if err := json.Unmarshal(body.Lineage, card.Lineage); err != nil {
			return fmt.Errorf("%s of %s: %w", adapters.LineageFile, m.Ref(), err)
		}
	}
	for _, f := range m.Files {
		if f.Path == trainer.MetricsFile {
			if card.Log, err = readBlob(ctx, reg, f); err != nil {
				return fmt.Errorf("%s of %s: %w", f.Path, m.Ref(), err)
			}
		}
	}
	return reports.Write(path, card.Page())
}

func readBlob(ctx context.Context, reg *registry.Registry, f registry.File) ([]byte, error) {
	r, size, err := cas.New(reg.Bucket()).Get(ctx, cas.Digest(f.Digest))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	if size > maxLog {
		return nil, fmt.Errorf("has %d bytes, want at most %d", size, maxLog)
	}
	return io.ReadAll(r)
}
