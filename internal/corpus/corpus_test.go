package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/embedded/documents"
)

// take returns the first texts of seq, until they have n bytes.
func take(seq iter.Seq[string], n int) string {
	var out strings.Builder
	for text := range seq {
		out.WriteString(text)
		out.WriteByte('\n')
		if out.Len() >= n {
			break
		}
	}
	return out.String()
}

// lines writes conversations as lines of "role: content".
func lines(seq iter.Seq[[]datasets.Message]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for messages := range seq {
			var out strings.Builder
			for _, m := range messages {
				out.WriteString(m.Role + ": " + m.Content + "\n")
			}
			if !yield(out.String()) {
				return
			}
		}
	}
}

const sample = 1 << 20

func sampleText(seed uint64) string {
	return take(Documents(seed), sample) + take(lines(Conversations(seed)), sample/2)
}

// TestDigest pins the text: the embedded base model was trained on it and its card says so.
func TestDigest(t *testing.T) {
	sum := sha256.Sum256([]byte(sampleText(1)))
	const want = "ed456d2cfbd52e3ae01f7f2cbaae39552584c7007db3845c62ac98d6eca4b552"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("digest of seed 1 is %s, want %s", got, want)
	}
	if take(Documents(1), 4096) == take(Documents(2), 4096) {
		t.Error("seeds 1 and 2 write the same")
	}
}

func TestShow(t *testing.T) {
	t.Log("\n" + take(Documents(3), 12_000))
	t.Log("\n" + take(lines(Conversations(3)), 8_000))
}

// TestEnglish looks for what a grammar gets wrong first.
func TestEnglish(t *testing.T) {
	text := sampleText(2)
	for _, r := range text {
		if r > unicode.MaxASCII || r < ' ' && r != '\n' {
			t.Fatalf("text holds %q", r)
		}
	}
	for _, wrong := range []string{
		`(?i)\ba [aeio]`, `(?i)\ban [bcdfgjkpqtvwz]`, `[a-z]  +[a-z]`, `[{}]`, `\.\.`, `,,`, ` [.,?]`,
		`(?i)\b(the|a|an) (the|a|an) `, `[a-z]\. [a-z]`, `\n\n\n`, `[^aeiou]ys\b`, `(?i)\bone (days|weeks|years|months|hours)`,
		`(?m)^(A|Question|Text): [a-z]`, `(?m)^(#+ |\d+\. |- )[a-z]`,
	} {
		if found := regexp.MustCompile(wrong).FindStringIndex(text); found != nil {
			t.Errorf("%s matches in %q", wrong, text[max(0, found[0]-60):min(len(text), found[1]+60)])
		}
	}
}

// TestSampleCompanyIsUnknown keeps what the quickstart's adapter learns out of what its base
// has seen, and the other way round: the base has seen the questions asked of others.
func TestSampleCompanyIsUnknown(t *testing.T) {
	text := sampleText(1)
	for _, secret := range []string{
		"halden", "hx-", "eleven years", "metrology", "last delivery", "plant director", "duty engineer", "old chimney",
		"11:40", "ingrid", "solvang", "143 euros per", "allowance is 74 ", "225 grams", "40 weeks",
	} {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("the corpus mentions %q", secret)
		}
	}
	own := strings.NewReplacer("the HX-200", "the K-10", "reference weights", "test weights",
		"calibration room", "clean room", "data protection officer", "privacy officer", "5,000", "7,000")
	code := regexp.MustCompile(`the (Model \w\w|[A-Z]+[- ]\d+)([ ?])`)
	text = code.ReplaceAllString(text, "the K-10$2")
	for _, f := range documents.Facts {
		question := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(own.Replace(f.Question)), "7,000", `[\d,]+`))
		if !question.MatchString(text) {
			t.Errorf("the corpus never asks %q", f.Question)
		}
	}
}

// TestQuestions holds the corpus to the forms in which the sample documents ask.
func TestQuestions(t *testing.T) {
	text := take(Documents(1), sample)
	if n := len(regexp.MustCompile(`\*\*Q: .*\?\*\*\n\nA: .*\.\n`).FindAllString(text, -1)); n < 750 {
		t.Errorf("only %d questions in the form of the sample documents", n)
	}
	answers := make(map[string]bool)
	for _, m := range regexp.MustCompile(`Class B records are kept for (\w+ \w+)`).FindAllStringSubmatch(text, -1) {
		answers[m[1]] = true
	}
	if len(answers) < 6 {
		t.Errorf("Class B records have only %d retention periods", len(answers))
	}
	for _, k := range language.facts {
		if len(k.questions.lines) == 0 || len(k.answers.lines) == 0 || len(k.statements.lines) == 0 {
			t.Errorf("fact %s lacks a question, an answer or a statement", k.name)
		}
	}
}

func TestVocabulary(t *testing.T) {
	count := make(map[string]int)
	for _, w := range regexp.MustCompile(`[a-z]{2,}`).FindAllString(sampleText(1), -1) {
		count[w]++
	}
	common := 0
	for _, n := range count {
		if n >= 5 {
			common++
		}
	}
	if common < 1100 {
		t.Errorf("%d words, want at least 1100", common)
	}
	t.Logf("%d words, %d of them five times or more", len(count), common)
}

// TestConversations checks that roles alternate and that the assistant has the last word.
func TestConversations(t *testing.T) {
	n := 0
	for messages := range Conversations(1) {
		if messages[0].Role == "system" {
			messages = messages[1:]
		}
		for i, m := range messages {
			if want := []string{"user", "assistant"}[i%2]; m.Role != want {
				t.Fatalf("conversation %d: message %d is the %s's, want the %s's", n, i, m.Role, want)
			}
			if strings.TrimSpace(m.Content) != m.Content || m.Content == "" {
				t.Fatalf("conversation %d: message %d is %q", n, i, m.Content)
			}
		}
		if len(messages)%2 != 0 || len(messages) == 0 {
			t.Fatalf("conversation %d has %d messages", n, len(messages))
		}
		if n++; n == 3000 {
			break
		}
	}
}

// TestFactsHold checks that a company says the same of itself everywhere.
func TestFactsHold(t *testing.T) {
	for index, k := range language.facts {
		w := &world{seed: 5, names: map[string]string{"company": "Ashford Paper", "town": "Ashford", "code": "B-12"}}
		one, two := w.fact(index, 0), w.fact(index, 0)
		for name, value := range one.names {
			if two.names[name] != value {
				t.Errorf("%s: %s is %q and %q", k.name, name, value, two.names[name])
			}
		}
	}
}

// TestGrammarIsWhole expands every line of the grammar, which panics on a slot without a symbol,
// and finds symbols that nothing uses.
func TestGrammarIsWhole(t *testing.T) {
	s := newScope(roll(1, "test", 0), nil)
	for _, name := range []string{"company", "town", "code"} {
		s.names[name] = s.say(name)
	}
	for _, name := range []string{"area.word", "text", "question", "asked", "term"} {
		s.names[name] = "x"
	}
	used := make(map[string]bool)
	slot := regexp.MustCompile(`\{([^}]*)\}`)
	use := func(line string) {
		for _, m := range slot.FindAllStringSubmatch(line, -1) {
			name := m[1][strings.LastIndexAny(m[1], " =")+1:]
			used[strings.ToLower(name)] = true
		}
		s.expand(line)
	}
	for _, r := range language.rules {
		for _, line := range r.lines {
			use(line)
		}
	}
	for i, k := range language.facts {
		for _, let := range k.lets {
			use(let[1])
		}
		f := (&world{names: s.names}).fact(i, 0)
		for _, r := range []rule{k.questions, k.answers, k.statements} {
			for _, line := range r.lines {
				newScope(s.dice, &scope{names: f.names, outer: s}).expand(line)
				for _, m := range slot.FindAllStringSubmatch(line, -1) {
					used[strings.ToLower(m[1][strings.LastIndexByte(m[1], ' ')+1:])] = true
				}
			}
		}
	}
	inCode := regexp.MustCompile(`^(title\.|greeting|farewell|invite|apology|cause|impact|timeline|clause|feature|care|definition|` +
		`purpose|closing|footer|contact|next\.meeting|rule|story|imperative|action|decision|agenda|system|ask\.|polite|missing|` +
		`thanks|welcome|hello|term\.word|company|code)`)
	for name := range language.rules {
		if !used[name] && !inCode.MatchString(name) {
			t.Errorf("nothing uses [%s]", name)
		}
	}
}

func TestEnglishForms(t *testing.T) {
	for form, pairs := range map[string]map[string]string{
		"a": {"order": "an order", "HR file": "an HR file", "IT manager": "an IT manager", "unit": "a unit",
			"hour": "an hour", "honest offer": "an honest offer", "user": "a user", "urgent plan": "an urgent plan", "X-ray": "an X-ray"},
		"s":   {"copy": "copies", "key": "keys", "box": "boxes", "drill press": "drill presses", "licence": "licences"},
		"3":   {"copy": "copies", "switch off": "switches off", "do": "does", "pay": "pays"},
		"ed":  {"ship": "shipped", "write": "wrote", "copy": "copied", "hand over": "handed over", "close": "closed"},
		"en":  {"write": "written", "take": "taken", "open": "opened"},
		"ing": {"scan": "scanning", "write": "writing", "hand over": "handing over", "open": "opening"},
	} {
		for word, want := range pairs {
			if got := inflect(form, word); got != want {
				t.Errorf("%s of %q is %q, want %q", form, word, got, want)
			}
		}
	}
}
