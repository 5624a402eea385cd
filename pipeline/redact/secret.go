package redact

import "strings"

// shape is a credential with a fixed beginning, as published by its issuer: a prefix, then at least
// min characters of an alphabet. Detector names follow gitleaks (MIT).
type shape struct {
	name     string
	prefix   string
	min      int
	alphabet func(byte) bool
}

func upperAlnum(c byte) bool { return is(c, classDigit|classUpper) }
func base64URL(c byte) bool  { return is(c, classBase64URL) }
func dotted(c byte) bool     { return base64URL(c) || c == '.' }
func pathed(c byte) bool     { return base64URL(c) || c == '/' }

var shapes = []shape{
	{"aws_access_key", "AKIA", 16, upperAlnum},
	{"aws_access_key", "ASIA", 16, upperAlnum},
	{"aws_access_key", "ABIA", 16, upperAlnum},
	{"aws_access_key", "ACCA", 16, upperAlnum},
	{"github_token", "ghp_", 36, alnum},
	{"github_token", "gho_", 36, alnum},
	{"github_token", "ghu_", 36, alnum},
	{"github_token", "ghs_", 36, alnum},
	{"github_token", "ghr_", 36, alnum},
	{"github_token", "github_pat_", 40, base64URL},
	{"gitlab_token", "glpat-", 20, base64URL},
	{"slack_token", "xoxb-", 10, base64URL},
	{"slack_token", "xoxp-", 10, base64URL},
	{"slack_token", "xoxa-", 10, base64URL},
	{"slack_token", "xoxr-", 10, base64URL},
	{"slack_token", "xoxs-", 10, base64URL},
	{"slack_token", "xapp-", 10, base64URL},
	{"slack_webhook", "https://hooks.slack.com/services/", 20, pathed},
	{"stripe_key", "sk_live_", 10, alnum},
	{"stripe_key", "sk_test_", 10, alnum},
	{"stripe_key", "rk_live_", 10, alnum},
	{"stripe_key", "rk_test_", 10, alnum},
	{"stripe_key", "whsec_", 24, alnum},
	{"google_api_key", "AIza", 35, base64URL},
	{"google_oauth_secret", "GOCSPX-", 28, base64URL},
	{"google_oauth_token", "ya29.", 20, base64URL},
	{"api_key", "sk-", 20, base64URL}, // OpenAI, Anthropic and those who copy them
	{"npm_token", "npm_", 36, alnum},
	{"pypi_token", "pypi-AgE", 50, base64URL},
	{"huggingface_token", "hf_", 30, alnum},
	{"sendgrid_token", "SG.", 60, dotted},
	{"digitalocean_token", "dop_v1_", 64, alnum},
	{"jwt", "eyJ", 30, dotted},
}

func secretDetectors() []detector {
	return []detector{
		{name: "private_key", entity: Secret, find: findPrivateKeys},
		{name: "shape", entity: Secret, find: findShapes, rule: shapeName},
		{name: "url_password", entity: Secret, find: findURLPasswords},
		{name: "bearer_token", entity: Secret, find: findBearers},
		{name: "assignment", entity: Secret, find: findAssignments},
		{name: "table_column", entity: Secret, find: findTableSecrets},
	}
}

// shapesByFirst holds the shapes by the first byte of their prefix.
var shapesByFirst = func() (t [256][]shape) {
	for _, s := range shapes {
		t[s.prefix[0]] = append(t[s.prefix[0]], s)
	}
	return t
}()

// findShapes looks for the prefixes at the beginning of each word.
func findShapes(text string, emit func(int, int, float64)) {
	for i := 0; i < len(text); i++ {
		list := shapesByFirst[text[i]]
		if list == nil || wordBefore(text, i) || at(text, i-1) == '-' {
			continue
		}
		for _, s := range list {
			if end := s.match(text, i); end > 0 {
				emit(i, end, 0.95)
				i = end - 1
				break
			}
		}
	}
}

// maxShape bounds a credential, so that a text of nothing but beginnings takes no quadratic time.
const maxShape = 8 << 10

// shapeName is the name of the shape that s begins with.
func shapeName(s string) string {
	for _, shape := range shapesByFirst[s[0]] {
		if shape.match(s, 0) > 0 {
			return shape.name
		}
	}
	return "shape"
}

// match returns the end of the credential that begins at i, or 0.
func (s shape) match(text string, i int) int {
	if !strings.HasPrefix(text[i:], s.prefix) {
		return 0
	}
	body := i + len(s.prefix)
	end := body
	for end < len(text) && end-body < maxShape && s.alphabet(text[end]) {
		end++
	}
	end = body + len(strings.TrimRight(text[body:end], ".-"))
	if end-body < s.min || !s.plausible(text[body:end]) {
		return 0
	}
	return end
}

// plausible refuses what only looks the part: words joined by hyphens ("sk-learn-…"), a lone header
// of a JWT, and rows of one character, as documentation has them.
func (s shape) plausible(body string) bool {
	switch s.name {
	case "api_key":
		return strings.ContainsAny(body, "0123456789") && entropy(body) >= 3
	case "jwt":
		return strings.Count(body, ".") == 2 && strings.Contains(body, ".eyJ")
	}
	return entropy(body) >= 2
}

const (
	keyBegin = "-----BEGIN "
	keyEnd   = "-----END "
	keyMark  = "PRIVATE KEY"
	dashes   = "-----"
	// maxKey bounds a key block whose end is missing; a 16,384-bit RSA key has 13 kB.
	maxKey = 16 << 10
)

// findPrivateKeys takes a PEM block of a private key, or what is there of it when it is cut off.
func findPrivateKeys(text string, emit func(int, int, float64)) {
	for from := 0; ; {
		i := strings.Index(text[from:], keyBegin)
		if i < 0 {
			return
		}
		start := from + i
		from = start + len(keyBegin)
		label, _, ok := strings.Cut(text[from:min(from+64, len(text))], dashes)
		if !ok || !strings.Contains(label, keyMark) {
			continue
		}
		end := keyBlockEnd(text, from+len(label)+len(dashes))
		emit(start, end, 1)
		from = end
	}
}

// keyBlockEnd returns the end of the block whose first line ends at i.
func keyBlockEnd(text string, i int) int {
	limit := floor(text, i+maxKey)
	if j := strings.Index(text[i:limit], keyEnd); j >= 0 {
		end := i + j + len(keyEnd)
		if k := strings.Index(text[end:min(end+64, len(text))], dashes); k >= 0 {
			return end + k + len(dashes)
		}
	}
	for i < limit && (alnum(text[i]) || strings.IndexByte("+/= \n\t\\", text[i]) >= 0) {
		i++
	}
	return i
}

// findURLPasswords takes the password out of scheme://user:password@host.
func findURLPasswords(text string, emit func(int, int, float64)) {
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return
		}
		from += i + len("://")
		authority := text[from:min(from+256, len(text))]
		if end := strings.IndexAny(authority, " \t\n/?#\"'<>`()[]"); end >= 0 {
			authority = authority[:end]
		}
		sign := strings.LastIndexByte(authority, '@')
		if sign < 0 {
			continue
		}
		user, password, ok := strings.Cut(authority[:sign], ":")
		if ok && password != "" && !isPlaceholderValue(password) {
			emit(from+len(user)+1, from+sign, 0.97) // above the address that "password@host" seems to be
		}
	}
}

// findBearers takes the token of an Authorization header.
func findBearers(text string, emit func(int, int, float64)) {
	for from := 0; ; {
		i := strings.Index(text[from:], "earer ")
		if i < 0 {
			return
		}
		start := from + i + len("earer ")
		from = start
		end := start
		for end < len(text) && (dotted(text[end]) || strings.IndexByte("+/=~", text[end]) >= 0) {
			end++
		}
		value := text[start:end]
		if len(value) >= 20 && strings.ContainsAny(value, "0123456789") && entropy(value) >= 3 {
			emit(start, end, 0.8)
		}
	}
}
