package jinja

import "strconv"

// postfix reads .name, [index] and calls.
func (p *parser) postfix(e expr) (expr, error) {
	for {
		switch {
		case p.skipOp("."):
			t := p.next()
			switch t.kind {
			case tokName:
				e = &attrExpr{e, t.text}
			case tokInt:
				n, err := strconv.ParseInt(t.text, 10, 64)
				if err != nil {
					return nil, p.fail("bad index %q", t.text)
				}
				e = &indexExpr{e, &literalExpr{n}}
			default:
				return nil, p.fail("expected a name after \".\"")
			}
		case p.skipOp("["):
			i, err := p.subscript()
			if err != nil {
				return nil, err
			}
			e = &indexExpr{e, i}
		case p.isOp("("):
			args, err := p.arguments()
			if err != nil {
				return nil, err
			}
			e = &callExpr{e, args}
		default:
			return e, nil
		}
	}
}

func (p *parser) subscript() (expr, error) {
	var parts [3]expr
	n := 0
	colon := false
	for !p.skipOp("]") {
		if p.skipOp(":") {
			if n++; n > 2 {
				return nil, p.fail("slice has too many parts")
			}
			colon = true
			continue
		}
		if parts[n] != nil {
			return nil, p.fail("unexpected %v in subscript", p.cur())
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		parts[n] = e
	}
	if colon {
		return &sliceExpr{parts[0], parts[1], parts[2]}, nil
	}
	if parts[0] == nil {
		return nil, p.fail("empty subscript")
	}
	return parts[0], nil
}

func (p *parser) arguments() (a arguments, err error) {
	if err := p.wantOp("("); err != nil {
		return a, err
	}
	for first := true; !p.skipOp(")"); first = false {
		if !first {
			if err := p.wantOp(","); err != nil {
				return a, err
			}
			if p.skipOp(")") {
				break
			}
		}
		if err := p.argument(&a); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (p *parser) argument(a *arguments) (err error) {
	switch {
	case p.skipOp("*"):
		a.star, err = p.expression()
		return err
	case p.skipOp("**"):
		a.starStar, err = p.expression()
		return err
	case p.cur().kind == tokName && p.toks[p.i+1].kind == tokOp && p.toks[p.i+1].text == "=":
		a.names = append(a.names, p.next().text)
		p.next()
		e, err := p.expression()
		a.named = append(a.named, e)
		return err
	}
	if len(a.names) > 0 {
		return p.fail("positional argument follows a named one")
	}
	e, err := p.expression()
	a.positional = append(a.positional, e)
	return err
}

func (p *parser) filtersAndTests(e expr) (expr, error) {
	for {
		var err error
		switch {
		case p.skipOp("|"):
			e, err = p.filter(e)
		case p.skipName("is"):
			e, err = p.test(e)
		case p.isOp("("):
			var args arguments
			args, err = p.arguments()
			e = &callExpr{e, args}
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) filter(of expr) (*filterExpr, error) {
	line := p.cur().line
	name, err := p.wantName()
	if err != nil {
		return nil, err
	}
	f := &filterExpr{of: of, name: name, line: line}
	if p.isOp("(") {
		f.args, err = p.arguments()
	}
	return f, err
}

func (p *parser) test(of expr) (expr, error) {
	t := &testExpr{of: of, negate: p.skipName("not"), line: p.cur().line}
	var err error
	if t.name, err = p.wantName(); err != nil {
		return nil, err
	}
	if p.isOp("(") {
		t.args, err = p.arguments()
		return t, err
	}
	c := p.cur()
	takes := c.kind == tokString || c.kind == tokInt || c.kind == tokFloat || p.isOp("[") || p.isOp("{") ||
		c.kind == tokName && c.text != "else" && c.text != "or" && c.text != "and" && c.text != "is" && c.text != "if" && c.text != "in" && c.text != "not"
	if c.kind == tokName && c.text == "is" {
		return nil, p.fail("tests cannot be chained with is")
	}
	if !takes {
		return t, nil
	}
	arg, err := p.primary()
	if err == nil {
		arg, err = p.postfix(arg)
	}
	t.args.positional = []expr{arg}
	return t, err
}
