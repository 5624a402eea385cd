package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// characterData are digests of what tokenizers 0.23 hold every character of Unicode for: sets as
// "lo-hi," in hex, normalization forms as the forms of the characters below U+30000, each with a
// comma. They were taken by running tokenizers on each character.
var characterData = map[string]string{
	"onig_w":       "d3a4c79579b92768",
	"onig_d":       "8eee1a87bfa4a7c5",
	"onig_s":       "fc1560d9dc231714",
	"onig_L":       "332a78b8308bd549",
	"onig_N":       "478469fa1c407fb8",
	"onig_P":       "59f4f3ef2f0d4d30",
	"onig_S":       "0d3d133aa00c794c",
	"onig_M":       "e63c9547944f40c0",
	"onig_Lu":      "f39d1c84d36212e6",
	"onig_Ll":      "45634e1741dad404",
	"onig_Lt":      "3a5e7e262d7a11a6",
	"onig_Lm":      "6ec9d35ac2a525b5",
	"onig_Lo":      "471bd595819b0cbf",
	"onig_Nd":      "8eee1a87bfa4a7c5",
	"onig_Han":     "0f78320502681ccf",
	"onig_Z":       "e600cabc504c881a",
	"onig_C":       "5b6ffc5bb352cc4c",
	"onig_i_s":     "42f8334e1205deba",
	"onig_i_k":     "409ec220486f844b",
	"onig_Hira":    "07e4967f8de609fd",
	"onig_i_class": "eb5d886b817fa36c",
	"rust_w":       "034a155ab070e90a",
	"rust_space":   "fc1560d9dc231714",
	"punct":        "634f975cd987e592",
	"accents":      "d37a8724ec4227fd",
	"mn":           "752a90b47dd88e13",
	"other":        "ab85590d976475e6",
	"cjk":          "15cf393538814ee3",
	"nfc":          "8f505bf4b788f936",
	"nfd":          "fdd0e6b5a5cccc71",
	"nfkc":         "3d473386e9b5ca32",
	"nfkd":         "6b64445f2fc5bb74",
}

func shortSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil))[:16] }

func surrogate(r rune) bool { return 0xD800 <= r && r < 0xE000 }

// setSum is the digest of a set.
func setSum(has func(rune) bool) string {
	h := sha256.New()
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if surrogate(c) || !has(c) {
			continue
		}
		lo := c
		for !surrogate(c+1) && c < unicode.MaxRune && has(c+1) {
			c++
		}
		fmt.Fprintf(h, "%x-%x,", lo, c)
	}
	return shortSum(h)
}

func TestCharacterSets(t *testing.T) {
	patterns := map[string]string{
		"w": `\w`, "d": `\d`, "s": `\s`, "L": `\p{L}`, "N": `\p{N}`, "P": `\p{P}`, "S": `\p{S}`, "M": `\p{M}`,
		"Lu": `\p{Lu}`, "Ll": `\p{Ll}`, "Lt": `\p{Lt}`, "Lm": `\p{Lm}`, "Lo": `\p{Lo}`, "Nd": `\p{Nd}`, "Z": `\p{Z}`,
		"C": `\p{C}`, "Han": `\p{Han}`, "Hira": `\p{Hiragana}`, "i_s": `(?i:s)`, "i_k": `(?i)k`, "i_class": `(?i:[a-z])`,
	}
	sets := map[string]func(rune) bool{
		"rust_w": isWord, "rust_space": unicode.IsSpace, "punct": isPunctuation, "cjk": isIdeograph,
		"accents": func(r rune) bool { return without(oldMarks)(r) == "" },
		"mn":      func(r rune) bool { return without(oldNonspacing)(r) == "" },
		"other":   func(r rune) bool { return cleanBERT(r) == "" },
	}
	for name, expr := range patterns {
		n, err := parsePattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		for n.kind != nodeSet {
			n = n.subs[0]
		}
		sets["onig_"+name] = n.set.has
	}
	for name, has := range sets {
		if got, want := setSum(has), characterData[name]; got != want {
			t.Errorf("%s: got digest %s, want %s", name, got, want)
		}
	}
}

func TestNormalForms(t *testing.T) {
	for name, form := range map[string]norm.Form{"nfc": norm.NFC, "nfd": norm.NFD, "nfkc": norm.NFKC, "nfkd": norm.NFKD} {
		h := sha256.New()
		for c := rune(0); c < 0x30000; c++ {
			if !surrogate(c) {
				fmt.Fprint(h, unicodeForm(form).normalize(piece{s: string(c)}).s, ",")
			}
		}
		if got, want := shortSum(h), characterData[name]; got != want {
			t.Errorf("%s: got digest %s, want %s", name, got, want)
		}
	}
}
