package packed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/quant"
)

// awqWeights reads a configuration of AWQ (transformers/utils/quantization_config.py, AwqConfig).
func awqWeights(about *keys.Keys, p parts) (map[string]entry, map[string]bool, error) {
	g := readGrouping(about)
	g.from = quant.FromAWQ
	layout := about.String("version", "gemm")
	zeros := !about.Has("zero_point") || about.Bool("zero_point")
	switch {
	case about.Err() != nil:
		return nil, nil, about.Err()
	case g.bits != 4:
		return nil, nil, fmt.Errorf("awq of %d bits is not supported (supported: 4)", g.bits)
	case !strings.EqualFold(layout, "gemm"):
		return nil, nil, fmt.Errorf("version %.40q of awq is not supported (supported: gemm)", layout)
	case !zeros:
		return nil, nil, errors.New("awq without zero points is not supported")
	}
	weights, hidden := g.weights(p)
	return weights, hidden, nil
}
