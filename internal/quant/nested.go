package quant

import (
	"math"
	"math/bits"
	"slices"
	"sort"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// nestedBlock is how many scales share a scale of their own (functional.py, quantize_4bit).
const nestedBlock = 256

// nest quantises scales to 8 bits as bitsandbytes does on a CPU: less their mean, in blocks of 256.
func nest(absmax []float32) *Nested {
	s := &Nested{Map: slices.Clone(dynamicMap[:]), Block: nestedBlock, Offset: mean(absmax)}
	rest := make([]float32, len(absmax))
	for i, a := range absmax {
		rest[i] = a - s.Offset
	}
	s.Codes, s.Absmax = quantiseScales(rest)
	return s
}

// quantiseScales quantises values in blocks of 256 (csrc/cpu_ops.cpp, quantize_cpu).
func quantiseScales(values []float32) (codes []byte, absmax []float32) {
	codes = make([]byte, len(values))
	for at := 0; at < len(values); at += nestedBlock {
		block := values[at:min(at+nestedBlock, len(values))]
		scale := maxAbs(block)
		absmax = append(absmax, scale)
		if scale == 0 {
			continue // code 0 for all
		}
		inverse := 1 / scale
		for i, x := range block {
			codes[at+i] = dynamicCode(x * inverse)
		}
	}
	return codes, absmax
}

// dynamicCode is the code of x. bitsandbytes looks it up in a table of 2¹⁶ steps over [-1, 1]: x is
// rounded to a step, and the step goes to the nearest value of the map, a tie to the lower one.
func dynamicCode(x float32) byte {
	x = min(max(x, -1), 1)
	step := int(float32(float32((x+1)*0.5)*65535) + 0.5)
	rounded := float32(float32(step)/65535*2) - 1
	return byte(sort.Search(len(dynamicMap)-1, func(i int) bool {
		return (dynamicMap[i]+dynamicMap[i+1])/2 >= rounded
	}))
}

// dynamicMap is the values of 8-bit codes in ascending order: 0, 1, and for each power of ten of
// 10⁻⁶ to 1 and each sign the centres of 1, 2, 4, … 64 equal parts of [0.1, 1] times it
// (functional.py, create_dynamic_map; arXiv:1511.04561). Ends of parts are torch.linspace's: from
// the nearer end of the interval by one fma.
var dynamicMap = func() (m [256]float32) {
	values := append(m[:0], 0, 1)
	for i := range 7 {
		n := 1 << i
		step := float32(1-float32(0.1)) / float32(n)
		end := func(k int) float32 {
			if k < (n+1)/2 {
				return fma.FMA32(float32(k), step, 0.1)
			}
			return fma.FMA32(float32(n-k), -step, 1)
		}
		scale := float32(math.Pow10(i - 6))
		for k := range n {
			v := float32(end(k)+end(k+1)) / 2 * scale
			values = append(values, v, -v)
		}
	}
	slices.Sort(values)
	return m
}()

// mean is torch.mean of a float32 vector on a CPU with one thread, to the bit: a cascade of sums over
// four interleaved vectors of eight, then over what each leaves over (pytorch,
// aten/src/ATen/native/cpu/SumKernel.cpp, vectorized_inner_sum). From 2¹⁵ elements on torch with
// more threads sums in another order.
func mean(values []float32) float32 {
	const width, ways = 8, 4
	vectors := len(values) / width
	steps := vectors / ways
	sums := cascade(values, steps)
	for v := steps * ways; v < vectors; v++ {
		for i := range width {
			sums[i] += values[v*width+i]
		}
	}
	for way := 1; way < ways; way++ {
		for i := range width {
			sums[i] += sums[way*width+i]
		}
	}
	var total float32
	for _, v := range values[vectors*width:] {
		total += v
	}
	for _, v := range sums[:width] {
		total += v
	}
	return total / float32(len(values))
}

// cascade sums values as steps rows of 32, in four levels so that no sum gets too long: a level is
// added to the next one and cleared after 2^power steps of its own.
func cascade(values []float32, steps int) (sums [32]float32) {
	const levels = 4
	power := max(4, bits.Len(uint(max(steps, 1)-1))/levels)
	var level [levels][32]float32
	for i := 0; i < steps; {
		for v, x := range values[32*i : 32*i+32] {
			level[0][v] += x
		}
		i++
		// The last steps that fill no whole run of the lowest level stay in it.
		for j := 1; j < levels && i&(1<<(power*j)-1) == 0; j++ {
			for v := range level[j] {
				level[j][v] += level[j-1][v]
				level[j-1][v] = 0
			}
		}
	}
	sums = level[0]
	for j := 1; j < levels; j++ {
		for v := range sums {
			sums[v] += level[j][v]
		}
	}
	return sums
}
