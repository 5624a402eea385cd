package jinja

import (
	"fmt"
	"slices"
)

// Limits on a template's source.
const (
	maxSource = 1 << 20 // bytes
	maxNest   = 200     // statements or expressions inside of each other
)

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	body       []stmt
	generation bool
	names      map[string]bool
	words      map[string]bool // names and literal texts, which errors may show
}

// Generation reports whether the template marks what the assistant says with {% generation %}.
func (t *Template) Generation() bool { return t.generation }

// Reads reports whether the template mentions a variable or a function of that name, be it in a
// branch that is never taken.
func (t *Template) Reads(name string) bool { return t.names[name] }

type parser struct {
	toks       []token
	i          int
	depth      int
	loops      int // {% for %} around the current statement
	generation bool
	names      map[string]bool // that are read
	words      map[string]bool // names and literal texts
}

// Parse reads a template.
func Parse(source string) (*Template, error) {
	if len(source) > maxSource {
		return nil, &SyntaxError{1, fmt.Sprintf("source of %d bytes is longer than %d", len(source), maxSource)}
	}
	toks, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks, names: map[string]bool{}, words: map[string]bool{}}
	for _, t := range toks {
		if t.kind == tokName || t.kind == tokString {
			p.words[t.text] = true
		}
	}
	body, err := p.statements()
	if err != nil {
		return nil, err
	}
	if t := p.cur(); t.kind != tokEOF {
		return nil, p.fail("unexpected %v", t)
	}
	return &Template{body, p.generation, p.names, p.words}, nil
}

func (p *parser) cur() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{p.cur().line, fmt.Sprintf(format, args...)}
}

// nest counts how deep the parser is; the caller takes one off again when it leaves.
func (p *parser) nest() error {
	if p.depth++; p.depth > maxNest {
		return p.fail("nested too deeply")
	}
	return nil
}

func (p *parser) isOp(op string) bool {
	t := p.cur()
	return t.kind == tokOp && t.text == op
}

func (p *parser) isName(name string) bool {
	t := p.cur()
	return t.kind == tokName && t.text == name
}

func (p *parser) skipOp(op string) bool {
	ok := p.isOp(op)
	if ok {
		p.i++
	}
	return ok
}

func (p *parser) skipName(name string) bool {
	ok := p.isName(name)
	if ok {
		p.i++
	}
	return ok
}

func (p *parser) wantOp(op string) error {
	if !p.skipOp(op) {
		return p.fail("expected %q, got %v", op, p.cur())
	}
	return nil
}

func (p *parser) wantName() (string, error) {
	t := p.cur()
	if t.kind != tokName {
		return "", p.fail("expected a name, got %v", t)
	}
	p.i++
	return t.text, nil
}

func (p *parser) wantEnd(kind tokenKind) error {
	if t := p.cur(); t.kind != kind {
		return p.fail("expected %v, got %v", token{kind: kind}, t)
	}
	p.i++
	return nil
}

// statements reads up to the end of the template or a block that begins with one of the names.
// The block's begin and its name are consumed, and p.i stands after the name.
func (p *parser) statements(until ...string) ([]stmt, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var out []stmt
	for {
		t := p.next()
		switch t.kind {
		case tokEOF:
			if len(until) > 0 {
				return nil, p.fail("unexpected end of template, expected %q", until[len(until)-1])
			}
			return out, nil
		case tokData:
			out = append(out, &textStmt{t.text})
		case tokVarBegin:
			e, err := p.tuple()
			if err != nil {
				return nil, err
			}
			if err := p.wantEnd(tokVarEnd); err != nil {
				return nil, err
			}
			out = append(out, &printStmt{e, t.line})
		case tokBlockBegin:
			name, err := p.wantName()
			if err != nil {
				return nil, err
			}
			if slices.Contains(until, name) {
				return out, nil
			}
			s, err := p.block(name, t.line)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		default:
			return nil, p.fail("unexpected %v", t)
		}
	}
}

// bodyUntil reads the rest of a tag, the statements after it up to one of the names, and returns the
// name that ended them.
func (p *parser) bodyUntil(until ...string) (body []stmt, end string, err error) {
	if err := p.wantEnd(tokBlockEnd); err != nil {
		return nil, "", err
	}
	if body, err = p.statements(until...); err != nil {
		return nil, "", err
	}
	return body, p.toks[p.i-1].text, nil
}

// body reads to the single name that ends a block, and the end of that tag.
func (p *parser) body(end string) ([]stmt, error) {
	body, _, err := p.bodyUntil(end)
	if err != nil {
		return nil, err
	}
	return body, p.wantEnd(tokBlockEnd)
}

func (p *parser) block(name string, line int) (stmt, error) {
	switch name {
	case "if":
		return p.ifBlock(line)
	case "for":
		return p.forBlock(line)
	case "set":
		return p.setBlock(line)
	case "macro":
		return p.macroBlock()
	case "call":
		return p.callBlock(line)
	case "filter":
		return p.filterBlock(line)
	case "with":
		return p.withBlock(line)
	case "generation":
		p.generation = true
		body, err := p.closedBody("endgeneration")
		return &generationStmt{body, line}, err
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.fail("%s outside of a loop", name)
		}
		if name == "break" {
			return &breakStmt{}, p.wantEnd(tokBlockEnd)
		}
		return &continueStmt{}, p.wantEnd(tokBlockEnd)
	}
	return nil, p.fail("unknown statement %q", name)
}
