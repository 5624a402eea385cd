package documents

import (
	"bytes"
	"io/fs"
	"math/big"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// load returns all documents by path below files/.
func load(t *testing.T) map[string][]byte {
	t.Helper()
	docs := make(map[string][]byte)
	err := fs.WalkDir(FS, "files", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := FS.ReadFile(name)
		docs[strings.TrimPrefix(name, "files/")] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// text decodes a document.
func text(t *testing.T, data []byte) string {
	t.Helper()
	if utf8.Valid(data) {
		return string(data)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(s)
}

func has(kind Kind, name string) bool {
	return slices.ContainsFunc(Planted, func(p Plant) bool { return p.Kind == kind && p.Path == name })
}

func TestCounts(t *testing.T) {
	count := make(map[string]int)
	for name, data := range load(t) {
		count[path.Ext(name)]++
		count[path.Dir(name)]++
		if has(Binary, name) || has(Empty, name) || has(Short, name) {
			continue
		}
		if n := len(strings.Fields(text(t, data))); n < 80 || n > 400 {
			t.Errorf("%s has %d words", name, n)
		}
	}
	for what, least := range map[string]int{
		".md": 75, ".txt": 12, ".html": 12, ".png": 1, ".dat": 1, "handbook": 12, "policies": 14, "runbooks": 12,
		"support": 12, "product": 10, "meetings": 14, "intranet": 12, "finance": 8, "legal": 6,
	} {
		if count[what] < least {
			t.Errorf("%d of %s, want at least %d", count[what], what, least)
		}
	}
}

// TestFacts checks that each fact is asked in the form of questions and answers, and that the
// documents it names state it: that all keywords stand in one line.
func TestFacts(t *testing.T) {
	docs := load(t)
	if len(Facts) < 25 {
		t.Fatalf("%d facts", len(Facts))
	}
	for name, d := range docs {
		if strings.Contains(text(t, d), "Class F") {
			t.Errorf("%s speaks of what %q asks", name, Unanswered)
		}
	}
	for _, f := range Facts {
		asked := 0
		for _, name := range f.Documents {
			body := text(t, docs[name])
			if !slices.ContainsFunc(strings.Split(body, "\n"), func(line string) bool { return containsAll(line, f.Keywords) }) {
				t.Errorf("%q: %s does not hold %q", f.Question, name, f.Keywords)
			}
			if strings.Contains(body, "**Q: "+f.Question+"**\n\nA: ") || strings.Contains(body, "<strong>Q: "+f.Question+"</strong></p>\n<p>A: ") {
				asked++
			}
			if has(ExactCopy, name) || has(NearCopy, name) {
				t.Errorf("%q: %s is a copy", f.Question, name)
			}
		}
		if len(f.Documents) < 3 || asked < 2 {
			t.Errorf("%q: %d documents, %d with the question; want 3 and 2", f.Question, len(f.Documents), asked)
		}
		if !containsAll(f.Answer, f.Keywords) {
			t.Errorf("%q: the answer %q lacks %q", f.Question, f.Answer, f.Keywords)
		}
	}
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

// TestFactsAgree looks for documents that say something else. Each pattern matches all forms in
// which a fact is stated; what it captures must be the same everywhere.
func TestFactsAgree(t *testing.T) {
	docs := load(t)
	for _, form := range []string{
		`Class B records are kept for (.*?) years`, `HX-200 is calibrated every (\w+ \w+)`,
		`[Hh]otel limit (?:is|stays at) (\d+)`, `meal allowance is (\d+)`, `ave (\d+) days of annual leave`, `probation period is (\d+)`,
		`notice period is (\d+)`, `[Pp]asswords must be changed every (\d+)`, `breach must be reported within (\d+)`,
		`data protection officer is (\w+ \w+)`, `[Bb]ackups are tested every (\w+)`, `freeze begins on (\w+ at [\d:]+)`,
		`visitor badge is valid for (\d+)`, `assembly point is (at [\w ]+?)[.,]`, `Invoices are paid within (\d+)`,
		`warranty on the HX-200 is (\d+)`, `maximum load of the HX-200 is (\d+)`, `HX-200 must warm up for (\d+)`,
		`[Ss]pare parts are available for (\d+)`, `return a product within (\d+)`, `reference weights are (?:kept )?in the (\w+)`,
		`temperature of the calibration room is ([\d.]+ )`, `release is signed by the (\w+ \w+ \w+)`,
		`purchase above 5,000 euros is (\w+ by the \w+ \w+)`, `priority 1 ticket is answered within (\d+)`,
		`escalation path is (.*?)\.`,
	} {
		first := ""
		for name, data := range docs {
			for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(text(t, data), -1) {
				if first == "" {
					first = m[1]
				}
				if m[1] != first {
					t.Errorf("%s: %s says %q, another document %q", form, name, m[1], first)
				}
			}
		}
		if first == "" {
			t.Errorf("%s matches nothing", form)
		}
	}
}

func TestPlanted(t *testing.T) {
	docs := load(t)
	for _, p := range Planted {
		data, ok := docs[p.Path]
		if !ok {
			t.Errorf("no document %s", p.Path)
			continue
		}
		if !planted(t, p, data, docs) {
			t.Errorf("%s is not there: %s in %s", p.Kind, p.Detail, p.Path)
		}
	}
}

func planted(t *testing.T, p Plant, data []byte, docs map[string][]byte) bool {
	body := text(t, data)
	switch p.Kind {
	case ExactCopy:
		return bytes.Equal(data, docs[p.Detail])
	case NearCopy:
		share := sharedLines(body, text(t, docs[p.Detail]))
		return share > 0.8 && share < 1
	case Empty:
		return len(data) == 0
	case Binary:
		return bytes.IndexByte(data, 0) >= 0
	case Windows1252:
		return !utf8.Valid(data) && strings.Contains(body, "£40") && strings.Contains(body, "“a release")
	case BOM:
		return bytes.HasPrefix(data, []byte("\xef\xbb\xbf"))
	case German:
		return strings.Contains(body, " und ") && strings.Contains(body, "ü")
	case Short:
		return len(strings.Fields(body)) < 10
	case Symbols:
		letters := strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) {
				return r
			}
			return -1
		}, body)
		return len(letters)*4 < len(body)
	case Card, WrongCard:
		return strings.Contains(body, p.Detail) && luhn(p.Detail) == (p.Kind == Card)
	case IBAN, WrongIBAN:
		return strings.Contains(body, p.Detail) && iban(p.Detail) == (p.Kind == IBAN)
	}
	return p.Detail != "" && strings.Contains(body, p.Detail)
}

// sharedLines is the share of a's lines that b has.
func sharedLines(a, b string) float64 {
	lines, other := strings.Split(a, "\n"), strings.Split(b, "\n")
	shared := 0
	for _, line := range lines {
		if slices.Contains(other, line) {
			shared++
		}
	}
	return float64(shared) / float64(len(lines))
}

func luhn(number string) bool {
	sum, double := 0, false
	for i := len(number) - 1; i >= 0; i-- {
		if number[i] == ' ' {
			continue
		}
		d := int(number[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// iban is the check of ISO 7064 MOD 97-10.
func iban(account string) bool {
	account = strings.ReplaceAll(account, " ", "")
	var digits strings.Builder
	for _, r := range account[4:] + account[:4] {
		if r >= 'A' {
			digits.WriteString(big.NewInt(int64(r - 'A' + 10)).String())
		} else {
			digits.WriteRune(r)
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}

// TestOnlyExampleNames checks that addresses belong to domains that nobody can own.
func TestOnlyExampleNames(t *testing.T) {
	address := regexp.MustCompile(`[\w.]+@([\w.]+\w)`)
	footers := 0
	for name, data := range load(t) {
		body := text(t, data)
		for _, m := range address.FindAllStringSubmatch(body, -1) {
			if !strings.HasSuffix(m[1], ".example") {
				t.Errorf("%s holds the address %s", name, m[0])
			}
		}
		if strings.Contains(body, Footer) {
			footers++
		}
	}
	if footers < 60 {
		t.Errorf("the footer stands in %d documents, want at least 60", footers)
	}
}
