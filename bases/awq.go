package bases

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/internal/quant"
)

// awqWeights reads a configuration of AWQ (transformers/utils/quantization_config.py, AwqConfig).
func awqWeights(about *reader, p parts) (map[string]quantisedWeight, map[string]bool, error) {
	g := readGrouping(about)
	g.from = quant.FromAWQ
	layout := about.string("version", "gemm")
	zeros := !about.has("zero_point") || about.bool("zero_point")
	switch {
	case about.err != nil:
		return nil, nil, about.err
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
