package gemm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

func cputime() time.Duration {
	var ts syscall.Timespec
	syscall.Syscall(228, 3, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

var t00 = time.Now()

func wall() time.Duration {
	var ts syscall.Timespec
	syscall.Syscall(228, 3, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

func best(d time.Duration, f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
	reps := 1
	for {
		t := time.Now()
		for range reps {
			f()
		}
		if time.Since(t) > 3*time.Millisecond {
			break
		}
		reps *= 2
	}
	b := time.Hour
	for s := time.Now(); time.Since(s) < d; {
		t := wall()
		for range reps {
			f()
		}
		b = min(b, (wall()-t)/time.Duration(reps))
	}
	return b
}

func TestTune(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	const f32, bf16, f16 = dtype.F32, dtype.BF16, dtype.F16
	for _, impl := range cpu.Available()[1:] {
		restore := cpu.Use(impl)
		pk := float64(2*10000*probePeak(1)) / best(200*time.Millisecond, func() { probePeak(10000) }).Seconds() / 1e9
		fmt.Printf("%v peak %.1f\n", impl, pk)
		for _, c := range []struct {
			name    string
			m, n, k int
			a, b    layout
		}{
			{"512x512x512", 512, 512, 512, layout{}, layout{}},
			{"1024x1024x1024", 1024, 1024, 1024, layout{}, layout{}},
			{"512x576x1536", 512, 576, 1536, layout{}, layout{}},
			{"forward/f32/512x1536x576", 512, 1536, 576, layout{}, layout{typ: f32, transposed: true}},
			{"forward/bf16/512x1536x576", 512, 1536, 576, layout{}, layout{typ: bf16, transposed: true}},
			{"forward/f16/512x1536x576", 512, 1536, 576, layout{}, layout{typ: f16, transposed: true}},
			{"backward/bf16/512x576x1536", 512, 576, 1536, layout{}, layout{typ: bf16}},
			{"weights/1536x576x512", 1536, 576, 512, layout{transposed: true}, layout{}},
			{"lora-down/512x8x576", 512, 8, 576, layout{}, layout{transposed: true}},
			{"lora-up/512x576x8", 512, 576, 8, layout{}, layout{transposed: true}},
			{"lora-grad/8x576x512", 8, 576, 512, layout{transposed: true}, layout{}},
			{"scores/64x64x64", 64, 64, 64, layout{}, layout{transposed: true}},
			{"values/64x64x64", 64, 64, 64, layout{}, layout{}},
			{"decode/bf16/1x1536x576", 1, 1536, 576, layout{}, layout{typ: bf16, transposed: true}},
			{"decode/bf16/1x4096x4096", 1, 4096, 4096, layout{}, layout{typ: bf16, transposed: true}},
			{"decode/f32/4x1536x576", 4, 1536, 576, layout{}, layout{transposed: true}},
		} {
			r := rand.New(rand.NewPCG(1, 1))
			x, y := c.a.matrix(r, c.m, c.k, normal), c.b.matrix(r, c.k, c.n, normal)
			out := make([]float32, c.m*c.n)
			d := best(400*time.Millisecond, func() { Gemm(out, c.n, x, y, false) })
			g := 2 * float64(c.m*c.n*c.k) / d.Seconds() / 1e9
			fmt.Printf("  %-28s %9v %7.1f GFLOP/s %5.1f%%\n", c.name, d, g, 100*g/pk)
		}
		restore()
	}
}
