package jinja

func (p *parser) ifBlock(line int) (stmt, error) {
	s := &ifStmt{line: line}
	for {
		test, err := p.tupleNoCond()
		if err != nil {
			return nil, err
		}
		body, end, err := p.bodyUntil("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests, s.bodies = append(s.tests, test), append(s.bodies, body)
		switch end {
		case "else":
			s.other, err = p.body("endif")
			return s, err
		case "endif":
			return s, p.wantEnd(tokBlockEnd)
		}
	}
}

func (p *parser) forBlock(line int) (stmt, error) {
	s := &forStmt{line: line}
	var err error
	if s.target, err = p.target(); err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, p.fail("expected \"in\", got %v", p.cur())
	}
	if s.in, err = p.tupleNoCond(); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if s.cond, err = p.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.skipName("recursive")
	p.loops++
	var end string
	s.body, end, err = p.bodyUntil("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	if end == "else" {
		s.other, err = p.body("endfor")
		return s, err
	}
	return s, p.wantEnd(tokBlockEnd)
}

// target reads what is assigned to: a name, names between commas, or in a set an attribute of a
// namespace.
func (p *parser) target() (expr, error) {
	var list []expr
	for {
		var t expr
		if p.skipOp("(") {
			inner, err := p.target()
			if err != nil {
				return nil, err
			}
			if err := p.wantOp(")"); err != nil {
				return nil, err
			}
			t = inner
		} else {
			name, err := p.wantName()
			if err != nil {
				return nil, err
			}
			if constants[name] != nil || name == "none" || name == "None" {
				return nil, p.fail("cannot assign to %q", name)
			}
			t = &nameExpr{name}
			if p.skipOp(".") {
				attr, err := p.wantName()
				if err != nil {
					return nil, err
				}
				t = &attrExpr{t, attr}
			}
		}
		list = append(list, t)
		if !p.skipOp(",") {
			break
		}
		if p.isName("in") || p.isOp("=") {
			return &listExpr{list, true}, nil
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &listExpr{list, true}, nil
}

func (p *parser) setBlock(line int) (stmt, error) {
	target, err := p.target()
	if err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		value, err := p.tuple()
		if err != nil {
			return nil, err
		}
		return &setStmt{target, value, line}, p.wantEnd(tokBlockEnd)
	}
	filters, err := p.filterChain()
	if err != nil {
		return nil, err
	}
	body, err := p.closedBody("endset")
	return &setBlockStmt{target, filters, body, line}, err
}

// filterChain reads | name | name(…).
func (p *parser) filterChain() ([]*filterExpr, error) {
	var list []*filterExpr
	for p.skipOp("|") {
		f, err := p.filter(nil)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (p *parser) filterBlock(line int) (stmt, error) {
	first, err := p.filter(nil)
	if err != nil {
		return nil, err
	}
	more, err := p.filterChain()
	if err != nil {
		return nil, err
	}
	body, err := p.closedBody("endfilter")
	return &filterStmt{append([]*filterExpr{first}, more...), body, line}, err
}

func (p *parser) macroBlock() (stmt, error) {
	name, err := p.wantName()
	if err != nil {
		return nil, err
	}
	m := &macroStmt{name: name}
	if err := p.params(m); err != nil {
		return nil, err
	}
	return m, p.macroBody(m, "endmacro")
}

// macroBody reads a body and notes which implicit parameters it uses.
func (p *parser) macroBody(m *macroStmt, end string) (err error) {
	start := p.i
	m.body, err = p.closedBody(end)
	for _, t := range p.toks[start:p.i] {
		m.varargs = m.varargs || t.kind == tokName && t.text == "varargs"
		m.kwargs = m.kwargs || t.kind == tokName && t.text == "kwargs"
		m.caller = m.caller || t.kind == tokName && t.text == "caller"
	}
	return err
}

// closedBody is body where break and continue do not reach a loop around it.
func (p *parser) closedBody(end string) ([]stmt, error) {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return p.body(end)
}

func (p *parser) params(m *macroStmt) error {
	if err := p.wantOp("("); err != nil {
		return err
	}
	for !p.skipOp(")") {
		if len(m.params) > 0 {
			if err := p.wantOp(","); err != nil {
				return err
			}
			if p.skipOp(")") {
				return nil
			}
		}
		name, err := p.wantName()
		if err != nil {
			return err
		}
		m.params = append(m.params, name)
		if p.skipOp("=") {
			d, err := p.expression()
			if err != nil {
				return err
			}
			m.defaults = append(m.defaults, d)
		} else if len(m.defaults) > 0 {
			return p.fail("parameter %q without a default follows one with", name)
		}
	}
	return nil
}

func (p *parser) callBlock(line int) (stmt, error) {
	m := &macroStmt{name: "caller"}
	if p.isOp("(") {
		if err := p.params(m); err != nil {
			return nil, err
		}
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	call, ok := e.(*callExpr)
	if !ok {
		return nil, p.fail("expected a call")
	}
	return &callStmt{call, m, line}, p.macroBody(m, "endcall")
}

func (p *parser) withBlock(line int) (stmt, error) {
	s := &withStmt{line: line}
	for p.cur().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			if err := p.wantOp(","); err != nil {
				return nil, err
			}
		}
		name, err := p.wantName()
		if err != nil {
			return nil, err
		}
		if err := p.wantOp("="); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.values = append(s.targets, &nameExpr{name}), append(s.values, value)
	}
	var err error
	s.body, err = p.body("endwith")
	return s, err
}
