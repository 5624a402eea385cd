package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// constants are the names that are values.
var constants = map[string]any{"true": true, "True": true, "false": false, "False": false}

// tuple reads an expression, or several between commas as a tuple.
func (p *parser) tuple() (expr, error) { return p.tupleOf(p.expression) }

// tupleNoCond is tuple without "a if b else c", whose if would be taken for that of a loop.
func (p *parser) tupleNoCond() (expr, error) { return p.tupleOf(p.or) }

func (p *parser) tupleOf(read func() (expr, error)) (expr, error) {
	first, err := read()
	if err != nil || !p.isOp(",") {
		return first, err
	}
	t := &listExpr{[]expr{first}, true}
	for p.skipOp(",") {
		if k := p.cur().kind; k == tokVarEnd || k == tokBlockEnd || p.isOp(")") {
			break
		}
		e, err := read()
		if err != nil {
			return nil, err
		}
		t.items = append(t.items, e)
	}
	return t, nil
}

func (p *parser) expression() (expr, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	for err == nil && p.skipName("if") {
		c := &condExpr{then: e}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			c.otherwise, err = p.expression()
		}
		e = c
	}
	return e, err
}

// binary reads a left-associative chain of operators.
func (p *parser) binary(read func() (expr, error), match func() string) (expr, error) {
	left, err := read()
	for err == nil {
		op := match()
		if op == "" {
			break
		}
		var right expr
		if right, err = read(); err == nil {
			left = &binaryExpr{op, left, right}
		}
	}
	return left, err
}

// anyOp returns a matcher that takes one of the operators.
func (p *parser) anyOp(ops ...string) func() string {
	return func() string {
		if t := p.cur(); t.kind == tokOp && slices.Contains(ops, t.text) {
			return p.next().text
		}
		return ""
	}
}

func (p *parser) keyword(name string) func() string {
	return func() string {
		if p.skipName(name) {
			return name
		}
		return ""
	}
}

func (p *parser) or() (expr, error)  { return p.binary(p.and, p.keyword("or")) }
func (p *parser) and() (expr, error) { return p.binary(p.not, p.keyword("and")) }

func (p *parser) not() (expr, error) {
	if !p.skipName("not") {
		return p.compare()
	}
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.not()
	return &unaryExpr{"not", e}, err
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first}
	for {
		op := p.anyOp("==", "!=", "<", "<=", ">", ">=")()
		if op == "" && p.skipName("in") {
			op = "in"
		}
		if op == "" && p.isName("not") && p.toks[p.i+1].kind == tokName && p.toks[p.i+1].text == "in" {
			p.i += 2
			op = "not in"
		}
		if op == "" {
			break
		}
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, e)
	}
	if len(c.ops) == 0 {
		return first, nil
	}
	return c, nil
}

func (p *parser) sum() (expr, error)     { return p.binary(p.concat, p.anyOp("+", "-")) }
func (p *parser) concat() (expr, error)  { return p.binary(p.product, p.anyOp("~")) }
func (p *parser) product() (expr, error) { return p.binary(p.power, p.anyOp("*", "/", "//", "%")) }
func (p *parser) power() (expr, error) {
	return p.binary(func() (expr, error) { return p.unary(true) }, p.anyOp("**"))
}

func (p *parser) unary(filters bool) (expr, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var e expr
	var err error
	if op := p.anyOp("-", "+")(); op != "" {
		if e, err = p.unary(false); err == nil {
			e = &unaryExpr{op, e}
		}
	} else {
		e, err = p.primary()
	}
	if err == nil {
		e, err = p.postfix(e)
	}
	if err == nil && filters {
		e, err = p.filtersAndTests(e)
	}
	return e, err
}

func (p *parser) primary() (expr, error) {
	t := p.next()
	switch t.kind {
	case tokName:
		if v, ok := constants[t.text]; ok {
			return &literalExpr{v}, nil
		}
		if t.text == "none" || t.text == "None" {
			return &literalExpr{nil}, nil
		}
		p.names[t.text] = true
		return &nameExpr{t.text}, nil
	case tokString:
		s := t.text
		for p.cur().kind == tokString {
			s += p.next().text
		}
		p.words[s] = true
		return &literalExpr{s}, nil
	case tokInt:
		n, err := strconv.ParseInt(strings.ReplaceAll(t.text, "_", ""), 0, 64)
		if err != nil {
			return nil, p.fail("integer %s is out of range", t.text)
		}
		return &literalExpr{n}, nil
	case tokFloat:
		f, err := strconv.ParseFloat(strings.ReplaceAll(t.text, "_", ""), 64)
		if err != nil && !math.IsInf(f, 0) { // as Python reads 1e400
			return nil, p.fail("number %s is out of range", t.text)
		}
		return &literalExpr{f}, nil
	case tokOp:
		switch t.text {
		case "(":
			return p.parens()
		case "[":
			items, err := p.list("]")
			return &listExpr{items, false}, err
		case "{":
			return p.dict()
		}
	}
	p.i--
	if t.kind == tokEOF {
		p.i++
	}
	return nil, p.fail("unexpected %v", t)
}

func (p *parser) parens() (expr, error) {
	if p.skipOp(")") {
		return &listExpr{nil, true}, nil
	}
	e, err := p.tuple()
	if err != nil {
		return nil, err
	}
	return e, p.wantOp(")")
}

func (p *parser) list(end string) ([]expr, error) {
	var items []expr
	for !p.skipOp(end) {
		if len(items) > 0 {
			if err := p.wantOp(","); err != nil {
				return nil, err
			}
			if p.skipOp(end) {
				break
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return items, nil
}

func (p *parser) dict() (expr, error) {
	d := &dictExpr{}
	for !p.skipOp("}") {
		if len(d.keys) > 0 {
			if err := p.wantOp(","); err != nil {
				return nil, err
			}
			if p.skipOp("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.wantOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, k), append(d.values, v)
	}
	return d, nil
}
