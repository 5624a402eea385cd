package gemm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

func TestPackTune(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	for _, typ := range []dtype.Type{0, 1, 2} {
		for _, c := range []struct{ n, k, stride, width int }{{32, 64, 64, 32}, {32, 256, 256, 32}, {512, 256, 256, 32}, {512, 256, 576, 32}, {512, 256, 1024, 32}, {504, 256, 576, 14}, {504, 256, 576, 6}, {512, 256, 576, 16}} {
			l := layout{typ: typ, transposed: true, padding: c.stride - c.k}
			operand := lanesOf(l.matrix(rand.New(rand.NewPCG(1, 1)), c.k, c.n, normal).T())
			var v panels
			d := best(100*time.Millisecond, func() {
				for j := 0; j < c.n; j += c.width {
					v.fill(cpu.AVX2, &operand, span{j, min(j+c.width, c.n), 0, c.k}, c.width, 0, false)
				}
			})
			fmt.Printf("pk %v %+v %.3f c/el\n", typ, c, 3.09*float64(d)/float64(c.n*c.k))
		}
	}
}
