package export

import (
	"fmt"
	"math"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// blockRows bounds the extra memory of a merge to this many rows of the weight.
const blockRows = 256

// Merge adds a module's update to its weight in place: W ← W + s·B·A with W [out, in] row-major and
// s the module's scaling, all in float32 (docs/numerics.md): the product as one chain per element,
// rounded, scaled, rounded, and added. This is get_delta_weight and merge of PEFT
// (peft/tuners/lora/layer.py). With DoRA each row is then rescaled to the learnt magnitude,
// W ← m·W/‖W‖ (peft/tuners/lora/variants.py).
func Merge(w []float32, m peft.Module, config adapters.Config) {
	out, in, rank := m.B.Shape[0], m.A.Shape[1], m.A.Shape[0]
	scaling := float32(config.ScalingOf(m.Key, rank))
	a := gemm.F32(m.A.Data, rank, in)
	delta := make([]float32, min(blockRows, out)*in)
	for r0 := 0; r0 < out; r0 += blockRows {
		rows := min(blockRows, out-r0)
		block := delta[:rows*in]
		gemm.Gemm(block, in, gemm.F32(m.B.Data[r0*rank:], rows, rank), a, false)
		target := w[r0*in : (r0+rows)*in]
		for i, d := range block {
			target[i] += float32(scaling * d) // the conversion keeps arm64 from fusing
		}
	}
	if m.Magnitude != nil {
		rescale(w, m.Magnitude.Data, in)
	}
}

// rescale gives each row of w the norm in magnitudes. A row of zeros has no direction and stays.
func rescale(w, magnitudes []float32, in int) {
	for r, magnitude := range magnitudes {
		row := w[r*in : (r+1)*in]
		var sum float64
		for _, v := range row {
			sum += float64(v) * float64(v) // exact product: fused or not is the same
		}
		if sum == 0 {
			continue
		}
		factor := magnitude / float32(math.Sqrt(sum))
		for i := range row {
			row[i] *= factor
		}
	}
}

// fits holds a module against the weight of the base that it updates.
func fits(m peft.Module, shape []int) error {
	if len(shape) != 2 || shape[0] != m.B.Shape[0] || shape[1] != m.A.Shape[1] {
		return fmt.Errorf("%w: module %q updates [%d %d], the base's weight is %v", adapters.ErrBaseMismatch, m.Name, m.B.Shape[0], m.A.Shape[1], shape)
	}
	return nil
}
