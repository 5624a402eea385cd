package corpus

import "strings"

// article returns noun with "a" or "an". It goes by the letters, with the few exceptions that
// the grammar has: letters that are read out ("an HR file") and vowels that sound like y or w.
func article(noun string) string {
	first, _, _ := strings.Cut(noun, " ")
	if i := strings.IndexAny(first, "-/"); i > 0 {
		first = first[:i]
	}
	vowel := strings.ContainsRune("aeiouAEIOU", rune(noun[0]))
	if first == strings.ToUpper(first) {
		vowel = strings.ContainsRune("AEFHILMNORSX8", rune(first[0])) // read letter by letter
	}
	for _, p := range []string{"uni", "use", "one", "eu", "util", "Euro", "Uni"} {
		if strings.HasPrefix(noun, p) {
			vowel = false
		}
	}
	for _, p := range []string{"unin", "unim", "hour", "honest"} {
		if strings.HasPrefix(noun, p) {
			vowel = true
		}
	}
	if vowel {
		return "an " + noun
	}
	return "a " + noun
}

var irregularPlural = map[string]string{
	"shelf": "shelves", "knife": "knives", "person": "people", "staff": "staff", "analysis": "analyses",
	"diagnosis": "diagnoses", "foreman": "foremen", "half": "halves", "child": "children",
}

// plural returns the plural of a noun phrase whose last word is the noun.
func plural(noun string) string {
	head, last := "", noun
	if i := strings.LastIndexByte(noun, ' '); i >= 0 {
		head, last = noun[:i+1], noun[i+1:]
	}
	if p, ok := irregularPlural[last]; ok {
		return head + p
	}
	return head + withS(last)
}

// withS adds the s of plurals and of the third person.
func withS(word string) string {
	n := len(word)
	switch {
	case strings.HasSuffix(word, "y") && !strings.ContainsRune("aeiou", rune(word[n-2])):
		return word[:n-1] + "ies"
	case strings.HasSuffix(word, "s"), strings.HasSuffix(word, "x"), strings.HasSuffix(word, "z"),
		strings.HasSuffix(word, "ch"), strings.HasSuffix(word, "sh"), word == "go", word == "do":
		return word + "es"
	}
	return word + "s"
}

// irregularPast has past tense and participle of the verbs that are not regular, and of those
// that double their last letter.
var irregularPast = map[string][2]string{
	"begin": {"began", "begun"}, "bring": {"brought", "brought"}, "build": {"built", "built"},
	"buy": {"bought", "bought"}, "choose": {"chose", "chosen"}, "cut": {"cut", "cut"},
	"draw": {"drew", "drawn"}, "find": {"found", "found"}, "give": {"gave", "given"},
	"hold": {"held", "held"}, "keep": {"kept", "kept"}, "lead": {"led", "led"},
	"leave": {"left", "left"}, "lend": {"lent", "lent"}, "lose": {"lost", "lost"},
	"make": {"made", "made"}, "meet": {"met", "met"}, "pay": {"paid", "paid"},
	"plan": {"planned", "planned"}, "put": {"put", "put"}, "read": {"read", "read"},
	"sell": {"sold", "sold"}, "send": {"sent", "sent"}, "set": {"set", "set"},
	"ship": {"shipped", "shipped"}, "split": {"split", "split"}, "stop": {"stopped", "stopped"},
	"take": {"took", "taken"}, "teach": {"taught", "taught"}, "write": {"wrote", "written"},
	"submit": {"submitted", "submitted"}, "wrap": {"wrapped", "wrapped"}, "scan": {"scanned", "scanned"},
	"drop": {"dropped", "dropped"}, "transfer": {"transferred", "transferred"}, "see": {"saw", "seen"},
	"sweep": {"swept", "swept"}, "weigh": {"weighed", "weighed"}, "swap": {"swapped", "swapped"},
}

// onVerb applies f to the verb of a verb phrase, which is its first word.
func onVerb(phrase string, f func(string) string) string {
	verb, rest, more := strings.Cut(phrase, " ")
	if more {
		return f(verb) + " " + rest
	}
	return f(verb)
}

func past(verb string) string {
	if p, ok := irregularPast[verb]; ok {
		return p[0]
	}
	return regularPast(verb)
}

func participle(verb string) string {
	if p, ok := irregularPast[verb]; ok {
		return p[1]
	}
	return regularPast(verb)
}

func regularPast(verb string) string {
	n := len(verb)
	switch {
	case strings.HasSuffix(verb, "e"):
		return verb + "d"
	case strings.HasSuffix(verb, "y") && !strings.ContainsRune("aeiou", rune(verb[n-2])):
		return verb[:n-1] + "ied"
	}
	return verb + "ed"
}

var doubled = map[string]bool{
	"begin": true, "cut": true, "plan": true, "put": true, "set": true, "ship": true, "split": true, "stop": true,
	"submit": true, "wrap": true, "scan": true, "drop": true, "transfer": true, "swap": true,
}

func gerund(verb string) string {
	n := len(verb)
	switch {
	case doubled[verb]:
		return verb + verb[n-1:] + "ing"
	case strings.HasSuffix(verb, "e") && !strings.HasSuffix(verb, "ee"):
		return verb[:n-1] + "ing"
	}
	return verb + "ing"
}

// capital returns s with its first letter in upper case; the grammar is ASCII.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
