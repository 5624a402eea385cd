package main

import "github.com/cultivar/cultivar/tools/asm/neon"

// lanes are the 16 lanes of a reduction: element i goes to lane i mod 16, which is in vector
// i/4 mod 4.
type lanes [4]value

// lanes returns accumulators. They are set to 0, or to what start is, by reduce.
func (k *kernel) lanes() *lanes {
	var l lanes
	for i := range l {
		l[i] = k.fix()
	}
	return &l
}

// reduce writes the loop that updates the accumulators by update, which must overwrite acc, and then
// what is left of 16 elements. The latter takes a vector at a time, always updating the first
// accumulator and then turning them around: after four rounds each is back in its place.
func (k *kernel) reduce(acc *lanes, update func(acc vec)) {
	var whole []block
	for at := 0; at < 4; at += k.width {
		whole = append(whole, k.record(k.width, false, func() { update(vec(acc[at : at+k.width])) }))
	}
	first := vec(acc[:1])
	one := k.record(1, false, func() { update(first) })
	last := k.record(1, true, func() { k.updatePart(first, update) })
	k.loadConstants()

	k.fn.G("SUBS $16, R%d", left)
	k.fn.G("BLT rest")
	k.fn.Label("loop")
	for _, b := range whole {
		k.run(b)
		k.count = k.width
		k.advance()
	}
	k.fn.G("SUBS $16, R%d", left)
	k.fn.G("BGE loop")
	k.fn.Label("rest")
	k.fn.G("ADDS $16, R%d", left)
	k.fn.G("BEQ fold")
	k.fn.G("MOVD $4, R%d", rounds)
	k.fn.Label("round")
	k.fn.G("CMP $4, R%d", left)
	k.fn.G("BLT part")
	k.run(one)
	k.count = 1
	k.advance()
	k.fn.G("SUB $4, R%d", left)
	k.fn.G("B turn")
	k.fn.Label("part")
	k.fn.G("CBZ R%d, turn", left)
	k.lastOffsets()
	k.run(last)
	k.fn.G("MOVD $0, R%d", left)
	k.fn.Label("turn")
	k.turn(acc)
	k.fn.G("SUB $1, R%d", rounds)
	k.fn.G("CBNZ R%d, round", rounds)
	k.fn.Label("fold")
}

// updatePart updates the lanes for which there is an element left. The others keep their value:
// adding 0 would turn −0 into +0.
func (k *kernel) updatePart(acc vec, update func(acc vec)) {
	numbers := k.pattern(neon.Constant{0, 1, 2, 3})
	count := k.value()
	k.step(step{name: "dup", to: []value{count}, tied: none, immediates: []int{left}})
	mask := k.apply("cmhi", nil, vec{count}, vec{numbers})
	next := k.apply("orr", nil, acc, acc)
	update(next)
	k.step(step{name: "bit", to: acc, tied: acc[0], from: []value{next[0], mask[0]}})
}

// turn moves each accumulator to the place before its own. Register 0 is free between blocks.
func (k *kernel) turn(acc *lanes) {
	move := func(to, from int) { k.fn.V("orr", to, from, from) }
	move(0, k.fixed[acc[0]])
	for i := range 3 {
		move(k.fixed[acc[i]], k.fixed[acc[i+1]])
	}
	move(k.fixed[acc[3]], 0)
}

// accumulate updates acc in place.
func (k *kernel) accumulate(name string, acc vec, from ...vec) {
	for i, v := range acc {
		s := step{name: name, to: acc[i : i+1], tied: v}
		for _, x := range from {
			s.from = append(s.from, x.lane(i))
		}
		k.step(s)
	}
}

// combine updates acc with a two-operand instruction.
func (k *kernel) combine(name string, acc, x vec) {
	for i, v := range acc {
		k.step(step{name: name, to: acc[i : i+1], tied: none, from: []value{v, x.lane(i)}})
	}
}

// clear sets the accumulators to 0.
func (k *kernel) clear(acc *lanes) {
	for _, v := range acc {
		k.fn.V("movi", k.fixed[v])
	}
}

// sum ends the function with the sum of the lanes, added in the fixed tree: 8 apart, 4, 2, 1.
func (k *kernel) sum(acc *lanes) {
	r := [4]int{k.fixed[acc[0]], k.fixed[acc[1]], k.fixed[acc[2]], k.fixed[acc[3]]}
	k.fn.V("fadd", r[0], r[0], r[2])
	k.fn.V("fadd", r[1], r[1], r[3])
	k.fn.V("fadd", r[0], r[0], r[1])
	k.fn.V("ext", r[1], r[0], r[0], 8)
	k.fn.V("fadd", r[0], r[0], r[1])
	k.fn.V("faddp scalar", r[0], r[0])
	k.fn.Return(r[0])
}

// maximum writes vec.Max. FMAX gives NaN for NaN, whatever it is compared with.
func maximum(f *neon.File) {
	k, _ := begin(f, 4, "max", "returns the greatest element, NaN if there is one.", []string{"x"}, nil, "float32")
	acc := k.lanes()
	k.fn.G("MOVD $0x%x, R%d", 0xff800000, scratch) // −∞
	for _, v := range acc {
		k.fn.V("dup", k.fixed[v], scratch)
	}
	k.reduce(acc, func(acc vec) { k.combine("fmax", acc, k.load("x")) })
	r := [4]int{k.fixed[acc[0]], k.fixed[acc[1]], k.fixed[acc[2]], k.fixed[acc[3]]}
	k.fn.V("fmax", r[0], r[0], r[1])
	k.fn.V("fmax", r[2], r[2], r[3])
	k.fn.V("fmax", r[0], r[0], r[2])
	k.fn.V("fmaxv", r[0], r[0])
	k.fn.V("movi", r[1])
	k.fn.V("fadd scalar", r[0], r[0], r[1]) // −0 becomes +0
	k.fn.Return(r[0])
}
