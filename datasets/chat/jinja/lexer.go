package jinja

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

type tokenKind byte

const (
	tokData tokenKind = iota // text between tags
	tokBlockBegin
	tokBlockEnd
	tokVarBegin
	tokVarEnd
	tokName
	tokInt
	tokFloat
	tokString
	tokOp
	tokEOF
)

type token struct {
	kind tokenKind
	text string // of a string: its value
	line int
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "end of template"
	case tokBlockEnd:
		return "end of statement"
	case tokVarEnd:
		return "end of print statement"
	}
	return fmt.Sprintf("%q", t.text)
}

// lexer cuts a template into tokens. The rules about white space are those of Jinja's lexer.py
// with trim_blocks and lstrip_blocks.
type lexer struct {
	src    string
	pos    int
	line   int
	out    []token
	atLine bool // the last thing read ended in a newline: a tag here begins a line
}

// SyntaxError says where a template is wrong.
type SyntaxError struct {
	Line int
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("template line %d: %s", e.Line, e.Msg) }

func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	src = strings.TrimSuffix(src, "\n")
	l := &lexer{src: src, line: 1, atLine: true}
	for l.pos < len(l.src) {
		if err := l.root(); err != nil {
			return nil, err
		}
	}
	l.add(tokEOF, "")
	return l.out, nil
}

func (l *lexer) add(kind tokenKind, text string) {
	l.out = append(l.out, token{kind, text, l.line})
}

// take moves on by n bytes.
func (l *lexer) take(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.pos += n
	l.line += strings.Count(s, "\n")
	if n > 0 {
		l.atLine = s[n-1] == '\n'
	}
	return s
}

func (l *lexer) fail(format string, args ...any) error {
	return &SyntaxError{l.line, fmt.Sprintf(format, args...)}
}

// root reads text up to the next tag, and the tag.
func (l *lexer) root() error {
	rest := l.src[l.pos:]
	at := tagStart(rest)
	if at < 0 {
		l.data(l.take(len(rest)))
		return nil
	}
	kind, sign := rest[at+1], byte(0)
	if at+2 < len(rest) && (rest[at+2] == '-' || rest[at+2] == '+') {
		sign = rest[at+2]
	}
	l.text(rest[:at], kind, sign)
	open := 2
	if sign != 0 {
		open = 3
	}
	switch kind {
	case '#':
		return l.comment(open)
	case '%':
		if n := rawBegin(l.src[l.pos+open:]); n > 0 {
			return l.raw(open + n)
		}
		l.add(tokBlockBegin, l.take(open))
		return l.inside(tokBlockEnd, "%}")
	}
	l.add(tokVarBegin, l.take(open))
	return l.inside(tokVarEnd, "}}")
}

func tagStart(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return -1
}

// text writes the text before a tag, without the white space that the tag takes.
func (l *lexer) text(s string, kind, sign byte) {
	lineStart := l.atLine
	l.take(len(s))
	switch {
	case sign == '-':
		s = strings.TrimRightFunc(s, isSpace)
	case sign != '+' && kind != '{':
		// lstrip_blocks: white space between the start of the line and a block or comment.
		start := strings.LastIndexByte(s, '\n') + 1
		if (start > 0 || lineStart) && strings.TrimLeftFunc(s[start:], isSpace) == "" {
			s = s[:start]
		}
	}
	l.data(s)
}

func (l *lexer) data(s string) {
	if s != "" {
		l.add(tokData, s)
	}
}

// isSpace is Python's str.isspace, which counts four control characters too.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1C <= r && r <= 0x1F }

// afterTag takes the white space after a tag that ends here: all after "-", one newline after a
// block or comment unless "+".
func (l *lexer) afterTag(sign byte, trimNewline bool) {
	rest := l.src[l.pos:]
	switch {
	case sign == '-':
		l.take(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
	case sign != '+' && trimNewline && strings.HasPrefix(rest, "\n"):
		l.take(1)
	}
}

func (l *lexer) comment(open int) error {
	l.take(open)
	end := strings.Index(l.src[l.pos:], "#}")
	if end < 0 {
		return l.fail("missing end of comment")
	}
	body := l.take(end + 2)
	l.afterTag(signBefore(body, 2), true)
	return nil
}

// signBefore returns the + or - that stands before the last n bytes of a tag, 0 when there is none.
func signBefore(s string, n int) byte {
	if i := len(s) - n - 1; i >= 0 && (s[i] == '-' || s[i] == '+') {
		return s[i]
	}
	return 0
}

var rawEndPattern = regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`)

// rawBegin returns the length of what makes a block that begins before s {% raw %}, 0 if it is not.
func rawBegin(s string) int {
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(s, isSpace), "raw")
	if !ok {
		return 0
	}
	rest = strings.TrimPrefix(strings.TrimLeftFunc(rest, isSpace), "-")
	if rest, ok = strings.CutPrefix(rest, "%}"); !ok {
		return 0
	}
	return len(s) - len(rest)
}

func (l *lexer) raw(open int) error {
	tag := l.take(open)
	if signBefore(tag, 2) == '-' {
		l.afterTag('-', false)
	}
	at := rawEndPattern.FindStringIndex(l.src[l.pos:])
	if at == nil {
		return l.fail("missing end of raw block")
	}
	rest := l.src[l.pos:]
	l.text(rest[:at[0]], '%', rest[at[0]+2])
	end := l.take(at[1] - at[0])
	l.afterTag(signBefore(end, 2), true)
	return nil
}

var operators = []string{
	"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
	">", "<", "=", ".", ":", "|", ",", ";",
}

// inside reads the tokens of a tag and its end.
func (l *lexer) inside(end tokenKind, close string) error {
	depth := 0 // of brackets: }} inside of a dict does not end the tag
	for {
		rest := l.src[l.pos:]
		trimmed := strings.TrimLeftFunc(rest, isSpace)
		l.take(len(rest) - len(trimmed))
		rest = trimmed
		if rest == "" {
			return l.fail("unexpected end of template, expected %q", close)
		}
		if depth == 0 {
			if sign, ok := endsTag(rest, close); ok {
				n := len(close)
				if sign != 0 {
					n++
				}
				l.add(end, l.take(n))
				l.afterTag(sign, close == "%}")
				return nil
			}
		}
		n, err := l.token(rest)
		if err != nil {
			return err
		}
		switch rest[:n] {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth < 0 {
				return l.fail("unexpected %q", rest[:n])
			}
		}
	}
}

func endsTag(s, close string) (sign byte, ok bool) {
	if strings.HasPrefix(s, close) {
		return 0, true
	}
	if (s[0] == '-' || s[0] == '+' && close == "%}") && strings.HasPrefix(s[1:], close) {
		return s[0], true
	}
	return 0, false
}

// token reads one token at the start of s, which is at the lexer's position.
func (l *lexer) token(s string) (int, error) {
	if s[0] == '\'' || s[0] == '"' {
		return l.string(s)
	}
	if n := nameLen(s); n > 0 {
		l.add(tokName, l.take(n))
		return n, nil
	}
	if n, kind := numberLen(s); n > 0 {
		l.add(kind, l.take(n))
		return n, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			l.add(tokOp, op)
			l.take(len(op))
			return len(op), nil
		}
	}
	return 0, l.fail("unexpected character %q", []rune(s)[:1])
}

func (l *lexer) string(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			value, err := unescape(s[1:i])
			if err != nil {
				return 0, l.fail("%v", err)
			}
			l.add(tokString, value)
			l.take(i + 1)
			return i + 1, nil
		}
	}
	return 0, l.fail("missing end of string")
}
