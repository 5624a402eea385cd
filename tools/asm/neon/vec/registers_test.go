package main

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

// written returns the notation of the vector instructions that a block becomes.
func written(t *testing.T, b block, fixed map[value]int) []string {
	t.Helper()
	f := neon.NewFile("", "p")
	b.write(f.Func("f", "", nil, ""), fixed)
	var list []string
	for line := range strings.Lines(f.Text()) {
		if _, text, ok := strings.Cut(strings.TrimSpace(line), " // "); ok {
			list = append(list, text)
		}
	}
	return list
}

func TestRegisters(t *testing.T) {
	load := func(to value) step { return step{name: "ldr q", to: []value{to}, tied: none, immediates: []int{0, 0}} }
	store := func(from value) step {
		return step{name: "str q", from: []value{from}, tied: none, immediates: []int{0, 0}}
	}
	for _, c := range []struct {
		name string
		b    block
		want []string
	}{
		{"a register is free after the last use", block{
			load(0), {name: "fneg", to: []value{1}, from: []value{0}, tied: none}, store(1), load(2), store(2),
		}, []string{"ldr q0, [x0, #0]", "fneg v0.4s, v0.4s", "str q0, [x0, #0]", "ldr q0, [x0, #0]", "str q0, [x0, #0]"}},
		{"what is added to is overwritten if it is not needed any more", block{
			load(0), load(1), {name: "fmla", to: []value{2}, tied: 0, from: []value{1, 1}}, store(2),
		}, []string{"ldr q0, [x0, #0]", "ldr q1, [x0, #0]", "fmla v0.4s, v1.4s, v1.4s", "str q0, [x0, #0]"}},
		{"and copied if it is", block{
			load(0), load(1), {name: "fmla", to: []value{2}, tied: 0, from: []value{0, 1}}, store(2), store(0),
		}, []string{"ldr q0, [x0, #0]", "ldr q1, [x0, #0]", "orr v2.16b, v0.16b, v0.16b", "fmla v2.4s, v0.4s, v1.4s",
			"str q2, [x0, #0]", "str q0, [x0, #0]"}},
		{"a constant is copied", block{
			load(0), {name: "fmla", to: []value{1}, tied: 9, from: []value{0, 0}}, store(1),
		}, []string{"ldr q0, [x0, #0]", "orr v1.16b, v31.16b, v31.16b", "fmla v1.4s, v0.4s, v0.4s", "str q1, [x0, #0]"}},
		{"an accumulator stays where it is", block{
			load(0), {name: "fmla", to: []value{9}, tied: 9, from: []value{0, 0}},
		}, []string{"ldr q0, [x0, #0]", "fmla v31.4s, v0.4s, v0.4s"}},
	} {
		got := written(t, c.b, map[value]int{9: 31})
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestRegistersThatDoNotSufficePanic(t *testing.T) {
	for name, b := range map[string]block{
		"too many": func() (b block) {
			for v := range value(33) {
				b = append(b, step{name: "ldr q", to: []value{v}, tied: none, immediates: []int{0, 0}})
			}
			for v := range value(33) {
				b = append(b, step{name: "str q", from: []value{v}, tied: none, immediates: []int{0, 0}})
			}
			return b
		}(),
		"not computed": {{name: "str q", from: []value{0}, tied: none, immediates: []int{0, 0}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			written(t, b, nil)
		}()
	}
}
