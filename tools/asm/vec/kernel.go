package main

import (
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const rodata = attr.RODATA | attr.NOPTR

func float32Bits(x float32) uint32 { return math.Float32bits(x) }

// kernel is the function being written: its slices, all of one length, are walked a vector at a
// time, and once more under a mask for what is left.
type kernel struct {
	isa
	slices  map[string]Register
	scalars map[string]VecVirtual // in every lane
	index   GPVirtual             // of the current vector's first element
	left    GPVirtual             // elements from index on
	mask    Register              // lanes to touch, nil for all
}

// begin opens a function. slices are the names of its []float32 parameters, scalars of its float32.
func begin(v isa, name, doc string, slices, scalars []string, returns string) *kernel {
	parameters := strings.Join(slices, ", ") + " []float32"
	if len(scalars) > 0 {
		parameters += ", " + strings.Join(scalars, ", ") + " float32"
	}
	TEXT(name+v.name, attr.NOSPLIT, strings.TrimSpace("func("+parameters+") "+returns))
	Pragma("noescape")
	Doc(name + v.name + " " + doc)
	k := &kernel{isa: v, slices: map[string]Register{}, scalars: map[string]VecVirtual{}}
	for _, s := range slices {
		k.slices[s] = Load(Param(s).Base(), GP64())
	}
	for _, s := range scalars {
		k.scalars[s] = k.broadcast(param(s))
	}
	k.left = GP64()
	Load(Param(slices[0]).Len(), k.left)
	k.index = GP64()
	XORQ(k.index, k.index)
	return k
}

// param is the address of a float32 parameter.
func param(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func (k *kernel) broadcast(from Mem) VecVirtual {
	x := k.vec()
	VBROADCASTSS(from, x)
	return x
}

func (k *kernel) at(slice string) Mem {
	return Mem{Base: k.slices[slice], Index: k.index, Scale: 4}
}

// load returns the current vector of a slice. Lanes outside the mask are 0.
func (k *kernel) load(slice string) VecVirtual {
	x := k.vec()
	switch {
	case k.mask == nil:
		VMOVUPS(k.at(slice), x)
	case k.wide():
		VMOVUPS_Z(k.at(slice), k.mask, x)
	default:
		VMASKMOVPS(k.at(slice), k.mask, x)
	}
	return x
}

func (k *kernel) store(x VecVirtual, slice string) {
	switch {
	case k.mask == nil:
		VMOVUPS(x, k.at(slice))
	case k.wide():
		VMOVUPS(x, k.mask, k.at(slice))
	default:
		VMASKMOVPS(x, k.mask, k.at(slice))
	}
}

// each writes the loop around body and returns from the function.
func (k *kernel) each(body func()) {
	w := U8(k.width)
	SUBQ(w, k.left)
	JL(LabelRef("tail"))
	Label("loop")
	body()
	ADDQ(w, k.index)
	SUBQ(w, k.left)
	JGE(LabelRef("loop"))
	Label("tail")
	ADDQ(w, k.left)
	JZ(LabelRef("done"))
	k.mask = k.firstLanes(k.left)
	body()
	Label("done")
	VZEROUPPER()
	RET()
}

// A register of the result, and what computes it.

func (k *kernel) copy(x Op) VecVirtual {
	y := k.vec()
	k.set(y, x)
	return y
}

// set sets y to x.
func (k *kernel) set(y VecVirtual, x Op) {
	if constants[x] {
		VBROADCASTSS(x, y)
	} else {
		VMOVUPS(x, y)
	}
}

func (k *kernel) add(a VecVirtual, b Op) VecVirtual {
	y := k.vec()
	k.do(addPS, b, a, y)
	return y
}

func (k *kernel) sub(a VecVirtual, b Op) VecVirtual {
	y := k.vec()
	k.do(subPS, b, a, y)
	return y
}

func (k *kernel) mul(a VecVirtual, b Op) VecVirtual {
	y := k.vec()
	k.do(mulPS, b, a, y)
	return y
}

func (k *kernel) div(a VecVirtual, b Op) VecVirtual {
	y := k.vec()
	k.do(divPS, b, a, y)
	return y
}

// fma returns a·b + c; nothing is overwritten.
func (k *kernel) fma(a VecVirtual, b, c Op) VecVirtual {
	y := k.copy(c)
	k.do(fmadd231PS, b, a, y)
	return y
}

// fnma returns c − a·b.
func (k *kernel) fnma(a VecVirtual, b, c Op) VecVirtual {
	y := k.copy(c)
	k.do(fnmadd231PS, b, a, y)
	return y
}

// horner evaluates the polynomial in x whose coefficients are given from the highest degree down.
func (k *kernel) horner(x VecVirtual, coefficients ...float32) VecVirtual {
	p := k.copy(constant(coefficients[0]))
	for _, c := range coefficients[1:] {
		k.do(fmadd213PS, constant(c), x, p)
	}
	return p
}
