package main

import (
	"fmt"
	"math"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// General registers. Slices take R0 and up.
const (
	left    = 9  // elements not yet done
	second  = 10 // bytes from the first of the last elements to the second and the third, which are
	third   = 11 // those to the last there is where there are fewer
	scratch = 12
	rounds  = 13
)

// A kernel is the function being written: its slices, all of one length, are walked some vectors at
// a time, then a vector at a time, and the last 1 to 3 elements as a vector whose other lanes repeat
// the last of them. These may be computed and stored as if they were others: the values are the same.
type kernel struct {
	fn     *neon.Func
	width  int // vectors at a time
	slices []string

	fixed     map[value]int
	values    int // made so far
	constants map[neon.Constant]value

	// What is being recorded.
	block   block
	count   int // vectors at a time, now
	partial bool
}

// A vec is one or more vectors that go through the same instructions.
type vec []value

// begin opens a function. slices are the names of its []float32 parameters, scalars of its float32.
// The returned vectors are the scalars, in every lane.
func begin(f *neon.File, width int, name, doc string, slices, scalars []string, returns string) (*kernel, map[string]vec) {
	var parameters []neon.Parameter
	for _, s := range slices {
		parameters = append(parameters, neon.Parameter{Name: s, Type: "[]float32"})
	}
	for _, s := range scalars {
		parameters = append(parameters, neon.Parameter{Name: s, Type: "float32"})
	}
	k := &kernel{
		fn: f.Func(name+"NEON", doc, parameters, returns), width: width, slices: slices,
		fixed: map[value]int{}, constants: map[neon.Constant]value{},
	}
	for i, s := range slices {
		k.fn.Load(s+"_base", i)
	}
	k.fn.Load(slices[0]+"_len", left)
	broadcast := map[string]vec{}
	for _, s := range scalars {
		v := k.fix()
		k.fn.Broadcast(s, k.fixed[v], scratch)
		broadcast[s] = vec{v}
	}
	return k, broadcast
}

func (k *kernel) value() value {
	k.values++
	return value(k.values - 1)
}

// fix makes a value that has a register for the whole function, from the highest down.
func (k *kernel) fix() value {
	v := k.value()
	k.fixed[v] = 31 - len(k.fixed)
	return v
}

// lane is vector i of x, which is the only one where x is the same for all.
func (x vec) lane(i int) value {
	if len(x) == 1 {
		return x[0]
	}
	return x[i]
}

// record returns what body writes when it is given count vectors at a time.
func (k *kernel) record(count int, partial bool, body func()) block {
	k.block, k.count, k.partial = nil, count, partial
	body()
	return k.block
}

func (k *kernel) step(s step) { k.block = append(k.block, s) }

// constant is x in every lane.
func (k *kernel) constant(x float32) vec {
	b := math.Float32bits(x)
	return vec{k.pattern(neon.Constant{b, b, b, b})}
}

func (k *kernel) pattern(c neon.Constant) value {
	v, ok := k.constants[c]
	if !ok {
		v = k.fix()
		k.constants[c] = v
	}
	return v
}

// loadConstants comes before the loops, when all constants are known.
func (k *kernel) loadConstants() {
	var constants []neon.Constant
	var registers []int
	for v := range value(k.values) {
		for c, have := range k.constants {
			if have == v {
				constants, registers = append(constants, c), append(registers, k.fixed[v])
			}
		}
	}
	k.fn.Constants(constants, registers, scratch)
}

// load returns the current vectors of a slice.
func (k *kernel) load(slice string) vec {
	base, x := k.base(slice), make(vec, k.count)
	for i := range x {
		x[i] = k.value()
	}
	switch {
	case k.partial:
		k.step(step{name: "ldr s", to: x, tied: none, immediates: []int{base, 0}})
		k.lastLanes(base, func(lane int) step {
			return step{name: "ld1 lane", to: x, tied: x[0], immediates: []int{lane, scratch}}
		})
	case k.count == 1:
		k.step(step{name: "ldr q", to: x, tied: none, immediates: []int{base, 0}})
	default:
		for i := 0; i < k.count; i += 2 {
			k.step(step{name: "ldp q", to: x[i : i+2], tied: none, immediates: []int{base, 16 * i}})
		}
	}
	return x
}

func (k *kernel) store(x vec, slice string) {
	base := k.base(slice)
	switch {
	case k.partial:
		k.step(step{name: "str s", from: x, tied: none, immediates: []int{base, 0}})
		k.lastLanes(base, func(lane int) step {
			return step{name: "st1 lane", from: x, tied: none, immediates: []int{lane, scratch}}
		})
	case k.count == 1:
		k.step(step{name: "str q", from: x, tied: none, immediates: []int{base, 0}})
	default:
		for i := 0; i < k.count; i += 2 {
			k.step(step{name: "stp q", from: x[i : i+2], tied: none, immediates: []int{base, 16 * i}})
		}
	}
}

// lastLanes writes what moves lanes 1 and 2, whose address is in scratch.
func (k *kernel) lastLanes(base int, move func(lane int) step) {
	for lane, offset := range []int{second, third} {
		k.step(step{tied: none, general: fmt.Sprintf("ADD R%d, R%d, R%d", offset, base, scratch)})
		k.step(move(lane + 1))
	}
}

func (k *kernel) base(slice string) int {
	for i, s := range k.slices {
		if s == slice {
			return i
		}
	}
	panic("no slice " + slice)
}

// advance moves on by the vectors of the last recorded block.
func (k *kernel) advance() {
	for i := range k.slices {
		k.fn.G("ADD $%d, R%d", 16*k.count, i)
	}
}

// run writes a recorded block.
func (k *kernel) run(b block) { b.write(k.fn, k.fixed) }

// each writes the loops around body and returns from the function.
func (k *kernel) each(body func()) {
	wide, one, last := k.record(k.width, false, body), k.record(1, false, body), k.record(1, true, body)
	k.loadConstants()
	if k.width > 1 {
		k.loop("wide", k.width, wide)
	}
	k.loop("one", 1, one)
	k.fn.G("CBZ R%d, done", left)
	k.lastOffsets()
	k.run(last)
	k.fn.Label("done")
	k.fn.G("RET")
}

// loop writes the loop of a block of count vectors, and leaves what is left in left.
func (k *kernel) loop(name string, count int, b block) {
	k.fn.G("SUBS $%d, R%d", 4*count, left)
	k.fn.G("BLT %sEnd", name)
	k.fn.Label(name)
	k.run(b)
	k.count = count
	k.advance()
	k.fn.G("SUBS $%d, R%d", 4*count, left)
	k.fn.G("BGE %s", name)
	k.fn.Label(name + "End")
	k.fn.G("ADD $%d, R%d", 4*count, left)
}

// lastOffsets sets second and third for the last 1 to 3 elements.
func (k *kernel) lastOffsets() {
	k.fn.G("SUB $1, R%d, R%d", left, third)
	k.fn.G("CMP $1, R%d", third)
	k.fn.G("CSET GE, R%d", second)
	k.fn.G("LSL $2, R%d, R%d", second, second)
	k.fn.G("LSL $2, R%d, R%d", third, third)
}

// Results, and what computes them.

// apply writes one instruction for each vector.
func (k *kernel) apply(name string, immediates []int, from ...vec) vec {
	out := make(vec, k.count)
	for i := range out {
		out[i] = k.value()
		s := step{name: name, to: out[i : i+1], tied: none, immediates: immediates}
		for _, x := range from {
			s.from = append(s.from, x.lane(i))
		}
		k.step(s)
	}
	return out
}

// onto is apply for instructions that add to their destination.
func (k *kernel) onto(name string, old vec, from ...vec) vec {
	out := make(vec, k.count)
	for i := range out {
		out[i] = k.value()
		s := step{name: name, to: out[i : i+1], tied: old.lane(i)}
		for _, x := range from {
			s.from = append(s.from, x.lane(i))
		}
		k.step(s)
	}
	return out
}

func (k *kernel) add(a, b vec) vec { return k.apply("fadd", nil, a, b) }
func (k *kernel) sub(a, b vec) vec { return k.apply("fsub", nil, a, b) }
func (k *kernel) mul(a, b vec) vec { return k.apply("fmul", nil, a, b) }
func (k *kernel) div(a, b vec) vec { return k.apply("fdiv", nil, a, b) }

// fma returns a·b + c, fnma c − a·b.
func (k *kernel) fma(a, b, c vec) vec  { return k.onto("fmla", c, a, b) }
func (k *kernel) fnma(a, b, c vec) vec { return k.onto("fmls", c, a, b) }

// where returns yes in the lanes of mask and no in the others.
func (k *kernel) where(mask, yes, no vec) vec { return k.onto("bit", no, yes, mask) }

// horner evaluates the polynomial in x whose coefficients are given from the highest degree down.
func (k *kernel) horner(x vec, coefficients ...float32) vec {
	p := k.constant(coefficients[0])
	for _, c := range coefficients[1:] {
		p = k.fma(p, x, k.constant(c))
	}
	return p
}
