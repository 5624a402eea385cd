package quant

import (
	"fmt"
	"math"
	"testing"
)

// Scales beyond the range of a kernel are left to the definition.
func TestWithin24(t *testing.T) {
	for scale, want := range map[float32]bool{
		0: true, 1: true, -0x1p90: true, 0x1p-90: true, float32(math.Inf(1)): true,
		0x1p91: false, 0x1p-91: false, -0x1p-149: false,
	} {
		if got := within24(scale); got != want {
			t.Errorf("%s is %v", fmt.Sprint(scale), got)
		}
	}
}
