// Package neon writes Go assembly for arm64's vector unit.
//
// avo has no arm64, and Go's assembler knows few of the floating-point vector instructions. All vector
// instructions are therefore written as the words they are, each with ARM's own notation beside it;
// instructions on general registers are written as Go's assembler takes them. The encodings are from
// the Arm Architecture Reference Manual (DDI 0487, C7), and a test compares them with another assembler.
package neon

import (
	"fmt"
	"strings"
)

// An instruction is its word with all operands 0, and its operands as ARM writes them, with a letter
// after % for each that is filled in (see [fields]).
type instruction struct {
	word     uint32
	operands string
}

// instructions by ARM's mnemonic. Where one mnemonic has several forms here, a word after it tells
// them apart and is not written.
var instructions = map[string]instruction{
	// Arithmetic, lane by lane.
	"fadd":  {0x4e20d400, "v%d.4s, v%n.4s, v%m.4s"},
	"fsub":  {0x4ea0d400, "v%d.4s, v%n.4s, v%m.4s"},
	"fmul":  {0x6e20dc00, "v%d.4s, v%n.4s, v%m.4s"},
	"fdiv":  {0x6e20fc00, "v%d.4s, v%n.4s, v%m.4s"},
	"fmla":  {0x4e20cc00, "v%d.4s, v%n.4s, v%m.4s"}, // d + n·m, fused
	"fmls":  {0x4ea0cc00, "v%d.4s, v%n.4s, v%m.4s"}, // d − n·m, fused
	"fmax":  {0x4e20f400, "v%d.4s, v%n.4s, v%m.4s"}, // NaN if either is
	"fneg":  {0x6ea0f800, "v%d.4s, v%n.4s"},
	"fabs":  {0x4ea0f800, "v%d.4s, v%n.4s"},
	"fsqrt": {0x6ea1f800, "v%d.4s, v%n.4s"},
	"add":   {0x4ea08400, "v%d.4s, v%n.4s, v%m.4s"},
	"shl":   {0x4f205400, "v%d.4s, v%n.4s, #%l"},
	"ushr":  {0x6f400400, "v%d.4s, v%n.4s, #%r"},

	// Every lane of n with one lane of m.
	"fmul lane": {0x4f809000, "v%d.4s, v%n.4s, v%m.s[%e]"},
	"fmla lane": {0x4f801000, "v%d.4s, v%n.4s, v%m.s[%e]"},

	// Across lanes.
	"faddp scalar": {0x7e30d800, "s%d, v%n.2s"},
	"fmaxv":        {0x6e30f800, "s%d, v%n.4s"},
	"fadd scalar":  {0x1e202800, "s%d, s%n, s%m"},

	// Comparisons give all ones or all zeros. They are false for NaN.
	"fcmge": {0x6e20e400, "v%d.4s, v%n.4s, v%m.4s"},
	"fcmgt": {0x6ea0e400, "v%d.4s, v%n.4s, v%m.4s"},
	"fcmeq": {0x4e20e400, "v%d.4s, v%n.4s, v%m.4s"},
	"cmhi":  {0x6ea03400, "v%d.4s, v%n.4s, v%m.4s"},

	// Bits.
	"and": {0x4e201c00, "v%d.16b, v%n.16b, v%m.16b"},
	"orr": {0x4ea01c00, "v%d.16b, v%n.16b, v%m.16b"},
	"eor": {0x6e201c00, "v%d.16b, v%n.16b, v%m.16b"},
	"bit": {0x6ea01c00, "v%d.16b, v%n.16b, v%m.16b"}, // d = n where m is set
	"bif": {0x6ee01c00, "v%d.16b, v%n.16b, v%m.16b"}, // d = n where m is clear

	// Moves and permutations.
	"movi":    {0x6f00e400, "v%d.2d, #0"},
	"dup":     {0x4e040c00, "v%d.4s, w%x"},
	"ext":     {0x6e000000, "v%d.16b, v%n.16b, v%m.16b, #%t"},
	"zip1":    {0x4e803800, "v%d.4s, v%n.4s, v%m.4s"},
	"zip2":    {0x4e807800, "v%d.4s, v%n.4s, v%m.4s"},
	"zip1 2d": {0x4ec03800, "v%d.2d, v%n.2d, v%m.2d"},
	"zip2 2d": {0x4ec07800, "v%d.2d, v%n.2d, v%m.2d"},
	"uzp2":    {0x4e405800, "v%d.8h, v%n.8h, v%m.8h"},
	"zip1 8h": {0x4e403800, "v%d.8h, v%n.8h, v%m.8h"},
	"zip2 8h": {0x4e407800, "v%d.8h, v%n.8h, v%m.8h"},

	// Widening the low or high four of eight 16-bit elements, and narrowing.
	"shll":   {0x2e613800, "v%d.4s, v%n.4h, #16"},
	"shll2":  {0x6e613800, "v%d.4s, v%n.8h, #16"},
	"fcvtl":  {0x0e217800, "v%d.4s, v%n.4h"},
	"fcvtl2": {0x4e217800, "v%d.4s, v%n.8h"},
	"fcvtn":  {0x0e216800, "v%d.4h, v%n.4s"},
	"fcvtn2": {0x4e216800, "v%d.8h, v%n.4s"},

	// Memory. Offsets are in bytes.
	"ldr q":    {0x3dc00000, "q%d, [x%x, #%q]"},
	"str q":    {0x3d800000, "q%d, [x%x, #%q]"},
	"ldur q":   {0x3cc00000, "q%d, [x%x, #%u]"},
	"ldp q":    {0xad400000, "q%d, q%a, [x%x, #%p]"},
	"stp q":    {0xad000000, "q%d, q%a, [x%x, #%p]"},
	"ldr d":    {0xfd400000, "d%d, [x%x, #%o]"},
	"ldr s":    {0xbd400000, "s%d, [x%x, #%s]"},
	"str s":    {0xbd000000, "s%d, [x%x, #%s]"},
	"ld1 1":    {0x4cc07800, "{ v%d.4s }, [x%x], x%y"},                 // then x += y
	"ld1 2":    {0x4cc0a800, "{ v%d.4s, v%c.4s }, [x%x], x%y"},         // then x += y
	"ld1 3":    {0x4cc06800, "{ v%d.4s, v%c.4s, v%c.4s }, [x%x], x%y"}, // likewise
	"ld1 lane": {0x0d408000, "{ v%d.s }[%k], [x%x]"},
	"st1 lane": {0x0d008000, "{ v%d.s }[%k], [x%x]"},
}

// A field is where an operand goes in the word.
type field struct {
	unit, low, high int                    // what it must be a multiple of, and its range
	put             func(value int) uint32 // the bits; the word has 0 there
}

// register is a field of 5 bits.
func register(at int) field { return field{1, 0, 31, func(r int) uint32 { return uint32(r) << at }} }

// scaled is an offset from a base register, counted in units from bit 10 on.
func scaled(unit int) field {
	return field{unit, 0, 4095 * unit, func(o int) uint32 { return uint32(o/unit) << 10 }}
}

// fields by the letter that stands for them.
var fields = map[byte]field{
	'd': register(0), 'n': register(5), 'a': register(10), 'm': register(16),
	// General registers; 31 is not one of them.
	'x': {1, 0, 30, func(r int) uint32 { return uint32(r) << 5 }},
	'y': {1, 0, 30, func(r int) uint32 { return uint32(r) << 16 }},
	// The register after the one before, which goes without saying.
	'c': {1, 0, 31, func(int) uint32 { return 0 }},
	// Immediates of shifts: the word has the value for a shift by 0.
	'l': {1, 0, 31, func(n int) uint32 { return uint32(n) << 16 }},
	'r': {1, 1, 32, func(n int) uint32 { return -(uint32(n) << 16) }},
	// Indices of 32-bit lanes: of fmla, of ld1 and st1; of bytes: of ext.
	'e': {1, 0, 3, func(i int) uint32 { return uint32(i&1)<<21 | uint32(i>>1)<<11 }},
	'k': {1, 0, 3, func(i int) uint32 { return uint32(i&1)<<12 | uint32(i>>1)<<30 }},
	't': {1, 0, 15, func(i int) uint32 { return uint32(i) << 11 }},
	'q': scaled(16), 'o': scaled(8), 's': scaled(4),
	'u': {1, -256, 255, func(o int) uint32 { return uint32(o) & 0x1ff << 12 }},
	'p': {16, -1024, 1008, func(o int) uint32 { return uint32(o/16) & 0x7f << 15 }},
}

// encode returns the word of an instruction and its notation. Operands are in the order of the
// notation. It panics on what cannot be encoded: that is a mistake in the generator.
func encode(name string, operands ...int) (word uint32, text string) {
	i, ok := instructions[name]
	if !ok {
		panic(fmt.Sprintf("no instruction %q", name))
	}
	mnemonic, _, _ := strings.Cut(name, " ")
	parts := strings.Split(i.operands, "%")
	if len(parts) != len(operands)+1 {
		panic(fmt.Sprintf("%s has %d operands, got %v", name, len(parts)-1, operands))
	}
	word, text = i.word, mnemonic+" "+parts[0]
	for at, value := range operands {
		letter, rest := parts[at+1][0], parts[at+1][1:]
		f := fields[letter]
		if value%f.unit != 0 || value < f.low || value > f.high {
			panic(fmt.Sprintf("%s: operand %d is %d, want a multiple of %d from %d to %d", name, at, value, f.unit, f.low, f.high))
		}
		if letter == 'c' && value != (operands[at-1]+1)%32 {
			panic(fmt.Sprintf("%s: register %d does not follow %d", name, value, operands[at-1]))
		}
		word += f.put(value)
		text += fmt.Sprint(value) + rest
	}
	return word, text
}
