package stages

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/adapters"
)

// ReadLineage reads the lineage of an adapter directory; fs.ErrNotExist when it has none.
func ReadLineage(dir string) (adapters.Lineage, error) {
	var l adapters.Lineage
	data, err := os.ReadFile(filepath.Join(dir, adapters.LineageFile))
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("%s: %w", filepath.Join(dir, adapters.LineageFile), err)
	}
	return l, nil
}
