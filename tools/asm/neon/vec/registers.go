package main

import (
	"fmt"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// A value is four lanes that are computed, before it is known in which register.
type value int

// A step is a vector instruction on values. Instructions that add to their destination name it in
// tied: what it holds is read, and elsewhere it must survive.
type step struct {
	name       string
	to         []value
	from       []value
	tied       value  // or none
	immediates []int  // what follows the registers
	general    string // or an instruction on general registers instead
}

const none value = -1

// A block is a straight piece of code whose values are all dead at its end, except for the fixed
// ones: constants, parameters and accumulators, which have a register for the whole function.
type block []step

// allocation maps values to registers while a block is written, first come, first served.
type allocation struct {
	fn    *neon.Func
	fixed map[value]int
	held  map[value]int
	free  []int
}

// write writes a block with the registers that the fixed values leave free.
func (b block) write(fn *neon.Func, fixed map[value]int) {
	a := allocation{fn: fn, fixed: fixed, held: map[value]int{}}
	for r := 31; r >= 0; r-- {
		if !contains(fixed, r) {
			a.free = append(a.free, r)
		}
	}
	last := b.lastUses()
	for at, s := range b {
		if s.general != "" {
			fn.G("%s", s.general)
			continue
		}
		a.step(s, func(v value) bool { return last[v] == at })
	}
}

func contains(fixed map[value]int, register int) bool {
	for _, r := range fixed {
		if r == register {
			return true
		}
	}
	return false
}

// lastUses says for each value which step is the last that reads it.
func (b block) lastUses() map[value]int {
	last := map[value]int{}
	for at, s := range b {
		for _, v := range append(append([]value{s.tied}, s.from...), s.to...) {
			last[v] = at
		}
	}
	return last
}

// step writes one instruction. ends says whether a value is not needed after it.
func (a *allocation) step(s step, ends func(value) bool) {
	var operands []int
	for _, v := range s.from {
		operands = append(operands, a.register(v))
	}
	var to []int
	if s.tied != none {
		to = []int{a.overwrite(s.to[0], s.tied, ends(s.tied))}
	}
	for _, v := range s.from {
		a.release(v, ends(v))
	}
	if s.tied == none {
		for _, v := range s.to {
			to = append(to, a.define(v))
		}
	}
	a.fn.V(s.name, append(append(to, operands...), s.immediates...)...)
	for _, v := range s.to {
		a.release(v, ends(v))
	}
}

// register is where v is.
func (a *allocation) register(v value) int {
	if r, ok := a.fixed[v]; ok {
		return r
	}
	r, ok := a.held[v]
	if !ok {
		panic(fmt.Sprintf("value %d is read before it is computed", v))
	}
	return r
}

// define gives v a register, its own if it has one.
func (a *allocation) define(v value) int {
	if r, ok := a.fixed[v]; ok {
		return r
	}
	if r, ok := a.held[v]; ok {
		return r
	}
	if len(a.free) == 0 {
		panic("out of registers: make the vectors of this kernel narrower")
	}
	r := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	a.held[v] = r
	return r
}

// overwrite gives to the register of old, or a copy of it where old is needed later.
func (a *allocation) overwrite(to, old value, ends bool) int {
	if to == old {
		return a.register(old)
	}
	if r, ok := a.held[old]; ok && ends {
		delete(a.held, old)
		a.held[to] = r
		return r
	}
	r := a.define(to)
	a.fn.V("orr", r, a.register(old), a.register(old))
	return r
}

// release frees the register of v if it has one of its own and is not needed any more.
func (a *allocation) release(v value, ends bool) {
	if r, ok := a.held[v]; ok && ends {
		delete(a.held, v)
		a.free = append(a.free, r)
	}
}
