package neon

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/encodings.txt by llvm-mc")

const goldens = "testdata/encodings.txt"

// examples returns each instruction with its operands near the ends of their ranges, where wrong bits
// show, and all of them different.
func examples() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(instructions)) {
		var low, high []int
		for i, part := range strings.Split(instructions[name].operands, "%")[1:] {
			f := fields[part[0]]
			low, high = append(low, f.low+i*f.unit), append(high, f.high-i*f.unit)
			if part[0] == 'c' {
				high[i] = (high[i-1] + 1) % 32
			}
		}
		for _, operands := range [][]int{low, high} {
			word, text := encode(name, operands...)
			list = append(list, fmt.Sprintf("%08x\t%s", word, text))
		}
	}
	return list
}

// The goldens are the words of another assembler.
func TestEncodings(t *testing.T) {
	got := strings.Join(examples(), "\n") + "\n"
	if *update {
		var texts []string
		for _, e := range examples() {
			texts = append(texts, strings.Split(e, "\t")[1])
		}
		var golden strings.Builder
		for i, word := range assemble(t, texts) {
			fmt.Fprintf(&golden, "%s\t%s\n", word, texts[i])
		}
		if err := os.WriteFile(goldens, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldens)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		for i, line := range strings.Split(got, "\n") {
			if w := strings.Split(string(want), "\n"); i >= len(w) || line != w[i] {
				t.Fatalf("line %d is %q, not as in %s", i+1, line, goldens)
			}
		}
		t.Fatalf("instructions are missing of those in %s", goldens)
	}
}

// What is committed is what another assembler makes of the notation beside each word.
func TestWrittenWords(t *testing.T) {
	if _, err := exec.LookPath("llvm-mc"); err != nil {
		t.Skip("llvm-mc is not installed")
	}
	files, err := filepath.Glob("../../../internal/*/*_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../../internal/kernels/*/*_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]string{} // by notation
	line := regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`)
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			words[m[2]] = m[1]
		}
	}
	if len(words) < 100 {
		t.Fatalf("found %d instructions in %d files", len(words), len(files)+len(more))
	}
	texts := slices.Sorted(maps.Keys(words))
	for i, word := range assemble(t, texts) {
		if got := words[texts[i]]; got != word {
			t.Errorf("%s is written as %s, want %s", texts[i], got, word)
		}
	}
}

// assemble returns the words of instructions as llvm-mc has them.
func assemble(t *testing.T, texts []string) []string {
	t.Helper()
	c := exec.Command("llvm-mc", "-triple=aarch64", "-mattr=+neon", "-show-encoding")
	c.Stdin = strings.NewReader(strings.Join(texts, "\n") + "\n")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("run llvm-mc: %v\n%s", err, out)
	}
	var words []string
	encoding := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`)
	for _, m := range encoding.FindAllStringSubmatch(string(out), -1) {
		words = append(words, m[4]+m[3]+m[2]+m[1])
	}
	if len(words) != len(texts) {
		t.Fatalf("llvm-mc gives %d words for %d instructions:\n%s", len(words), len(texts), out)
	}
	return words
}

func TestWrongOperandsPanic(t *testing.T) {
	for name, operands := range map[string][]int{
		"no such": {0, 0}, "fadd": {0, 0}, "fneg": {0, 32}, "ldr q": {0, 0, 8}, "stp q": {0, 1, 2, 1024}, "ushr": {0, 0, 0}, "ld1 2": {3, 5, 0, 1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s %v: no panic", name, operands)
				}
			}()
			encode(name, operands...)
		}()
	}
}
