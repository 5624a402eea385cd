package gemm

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/cpu"
)

func TestKern(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	for _, impl := range cpu.Available()[1:] {
		restore := cpu.Use(impl)
		g := geometryOf(impl)
		pk := float64(2*10000*probePeak(1)) / best(200*time.Millisecond, func() { probePeak(10000) }).Seconds() / 1e9
		for _, npan := range []int{1, 28} {
			for _, load := range []bool{false, true} {
				a := make([]float32, g.rows*256*npan+4096)
				b := panel{make([]float32, 32*256+4096), g.wide, g.wide, false}
				c := make([]float32, 14*576*npan)
				d := best(200*time.Millisecond, func() {
					for i := range npan {
						ap := panel{a[i*g.rows*256:], g.rows, g.rows, false}
						multiplyPanels(impl, g.rows, g.wide, 256, &ap, &b, c[i*g.rows*576:], 576, load)
					}
				})
				f := float64(2*256*g.rows*g.wide*npan) / d.Seconds() / 1e9
				fmt.Printf("%v panels %d load %v: %.1f%% (%v)\n", impl, npan, load, 100*f/pk, d)
			}
		}
		restore()
	}
}
