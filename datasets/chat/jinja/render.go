package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits bound what a template may use. They are counted, so that the same template on the same
// values always ends the same way.
type Limits struct {
	Steps  int // statements and expressions evaluated, and items walked
	Memory int // bytes of all strings and lists made, live or not
	Output int // bytes of the rendered text
	Depth  int // macros inside of each other
}

// DefaultLimits are far above what real templates need and keep a hostile one to a second or two.
var DefaultLimits = Limits{Steps: 2_000_000, Memory: 128 << 20, Output: 64 << 20, Depth: 100}

// Options of a rendering.
type Options struct {
	Now    time.Time // what strftime_now sees
	Limits Limits    // zero: DefaultLimits
}

// Span is a range of bytes of the rendered text.
type Span struct{ Start, End int }

// Output is a rendered text and where its {% generation %} blocks are.
type Output struct {
	Text       string
	Generation []Span
}

// Exception is raise_exception: the template itself refuses its input.
type Exception struct {
	Line int
	Msg  string // as far as it stands in the template
	raw  string // all of it, until it is known what may be shown
}

func (e *Exception) Error() string {
	if strings.Trim(e.Msg, hidden+" ") == "" {
		return fmt.Sprintf("template line %d: the template raises an exception", e.Line)
	}
	return e.Msg
}

// ErrLimit means that a template was stopped.
var ErrLimit = errors.New("template exceeds its limits")

var errDeep = fmt.Errorf("%w: a value is nested too deeply", ErrLimit)

// RenderError says where rendering failed.
type RenderError struct {
	Line int
	Err  error
}

func (e *RenderError) Error() string { return fmt.Sprintf("template line %d: %v", e.Line, e.Err) }
func (e *RenderError) Unwrap() error { return e.Err }

// renderer is one rendering.
type renderer struct {
	opt    Options
	words  map[string]bool // of the template
	scope  *scope
	out    *strings.Builder
	main   *strings.Builder // the text itself; out differs while a block is captured
	spans  []Span
	line   int
	steps  int
	memory int
	depth  int // of macros
	nested int // of expressions and statements
}

// scope is a set of variables over those around it.
type scope struct {
	vars   map[string]any
	parent *scope
}

// get finds a variable, and says how many scopes were looked into.
func (s *scope) get(name string) (v any, looked int, ok bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v, looked, true
		}
		looked++
	}
	return nil, looked, false
}

func (s *scope) set(name string, v any) {
	if s.vars == nil {
		s.vars = map[string]any{}
	}
	s.vars[name] = v
}

// Render renders the template with the variables.
func (t *Template) Render(vars *Dict, opt Options) (Output, error) {
	if opt.Limits == (Limits{}) {
		opt.Limits = DefaultLimits
	}
	root := &scope{vars: globals()}
	top := &scope{vars: map[string]any{}, parent: root}
	for _, k := range vars.keys {
		if name, ok := k.(string); ok {
			top.vars[name] = vars.values[k]
		}
	}
	out := &strings.Builder{}
	r := &renderer{opt: opt, words: t.words, scope: &scope{parent: top}, out: out, main: out}
	if _, err := r.exec(t.body); err != nil {
		var x *Exception
		if errors.As(err, &x) {
			x.Line = r.line
			return Output{}, x
		}
		return Output{}, &RenderError{r.line, err}
	}
	return Output{out.String(), r.spans}, nil
}

func (r *renderer) fail(format string, args ...any) error { return fmt.Errorf(format, args...) }

// step counts n units of work.
func (r *renderer) step(n int) error {
	if r.steps += n; r.steps > r.opt.Limits.Steps {
		return fmt.Errorf("%w: more than %d steps", ErrLimit, r.opt.Limits.Steps)
	}
	return nil
}

// charge counts n bytes of new values.
func (r *renderer) charge(n int) error {
	if r.memory += n; r.memory > r.opt.Limits.Memory || n < 0 {
		return fmt.Errorf("%w: more than %d bytes of values", ErrLimit, r.opt.Limits.Memory)
	}
	return nil
}

func (r *renderer) write(s string) error {
	if r.out.Len()+len(s) > r.opt.Limits.Output {
		return fmt.Errorf("%w: more than %d bytes of output", ErrLimit, r.opt.Limits.Output)
	}
	r.out.WriteString(s)
	return r.charge(len(s))
}

// capture runs body with its output going to a string, in the present scope.
func (r *renderer) capture(body []stmt) (string, error) {
	return r.redirect(func() error {
		_, err := r.exec(body)
		return err
	})
}

// inScope runs f with a scope of its own.
func (r *renderer) inScope(parent *scope, f func() error) error {
	old := r.scope
	r.scope = &scope{parent: parent}
	defer func() { r.scope = old }()
	return f()
}

// redirect runs f with the output going to a string.
func (r *renderer) redirect(f func() error) (string, error) {
	old := r.out
	r.out = &strings.Builder{}
	defer func() { r.out = old }()
	err := f()
	return r.out.String(), err
}
