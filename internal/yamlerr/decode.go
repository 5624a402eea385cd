package yamlerr

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxText  = 64 << 10 // bytes: a configuration is a page of text
	maxDepth = 64       // brackets or dashes within each other
)

// Decode reads a configuration over what into, a pointer to a struct, holds already. What the library
// would bend is refused: a fraction or a number out of range for a whole number, a number that is none, a
// value left out, a second document. Unknown keys are errors that name the key that was perhaps meant.
func Decode(text []byte, into any) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // the byte order mark of Windows' editors
	switch {
	case !utf8.Valid(text):
		return errors.New("not UTF-8")
	case len(bytes.TrimSpace(text)) == 0:
		return nil
	}
	if err := bounds(text); err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Explain(err, reflect.ValueOf(into).Elem().Interface())
	}
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		return fmt.Errorf("line %d: a second document; a configuration is one", line(file.Docs[1].Body))
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil
	}
	c := checker{anchors: map[string]ast.Node{}, keys: Keys(reflect.ValueOf(into).Elem().Interface())}
	if err := c.check(file.Docs[0].Body, reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		return Explain(err, reflect.ValueOf(into).Elem().Interface())
	}
	return nil
}

// bounds refuses what would keep a parser busy: it is quadratic in how deep things stand.
func bounds(text []byte) error {
	if len(text) > maxText {
		return fmt.Errorf("larger than %d KB, which no configuration is", maxText>>10)
	}
	depth := 0
	for n, row := range bytes.Split(text, []byte("\n")) {
		dashes := 0
		for _, b := range row {
			switch b {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case '-', '?':
				dashes++
			case ' ':
			default:
				dashes = 0
			}
			if max(depth, dashes) > maxDepth {
				return fmt.Errorf("line %d: nested more than %d deep", n+1, maxDepth)
			}
		}
	}
	return nil
}

// checker holds nodes against the types that they are decoded into.
type checker struct {
	anchors map[string]ast.Node
	keys    []string
}

func (c *checker) check(n ast.Node, t reflect.Type, path string) error {
	switch x := n.(type) {
	case *ast.AnchorNode:
		c.anchors[x.Name.GetToken().Value] = x.Value
		return c.check(x.Value, t, path)
	case *ast.TagNode:
		return fmt.Errorf("line %d: %sa tag (%s), which nothing here takes", line(n), named(path), x.Start.Value)
	case *ast.AliasNode:
		to := c.anchors[x.Value.GetToken().Value]
		if _, scalar := to.(ast.ScalarNode); !scalar {
			return fmt.Errorf("line %d: %san alias that stands for no single value", line(n), named(path))
		}
		return c.check(to, t, path)
	}
	if own(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.check(n, t.Elem(), path)
	case reflect.Struct:
		return c.section(n, t, path)
	case reflect.Map:
		return c.entries(n, t, path)
	case reflect.Slice:
		return c.list(n, t, path)
	}
	return scalar(n, t, path)
}

// own reports whether a type decodes itself.
func own(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]()) || p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]())
}

func (c *checker) section(n ast.Node, t reflect.Type, path string) error {
	values, ok := members(n)
	if !ok {
		return unfit(n, t, path)
	}
	for _, v := range values {
		name := v.Key.GetToken().Value
		field, ok := fieldOf(t, name)
		if !ok {
			return unknownKey(name, line(v.Key), c.keys)
		}
		if err := c.check(v.Value, field, strings.TrimPrefix(path+"."+name, ".")); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) entries(n ast.Node, t reflect.Type, path string) error {
	values, ok := members(n)
	if _, null := n.(*ast.NullNode); !ok && !null {
		return unfit(n, t, path)
	}
	for _, v := range values {
		if err := c.check(v.Value, t.Elem(), path+"."+v.Key.GetToken().Value); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) list(n ast.Node, t reflect.Type, path string) error {
	list, ok := n.(*ast.SequenceNode)
	if _, null := n.(*ast.NullNode); null {
		return nil
	}
	if !ok {
		return unfit(n, t, path)
	}
	for i, v := range list.Values {
		if err := c.check(v, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

// members lists the keys of a section.
func members(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{x}, true
	}
	return nil, false
}

// fieldOf is the type of a key.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if options == "inline" {
			if found, ok := fieldOf(f.Type, key); ok {
				return found, true
			}
		}
		if name == key && name != "" && name != "-" {
			return f.Type, true
		}
	}
	return nil, false
}

// octal numbers of YAML 1.1 look like decimal ones that were filled up.
var octal = regexp.MustCompile(`^[-+]?0[0-9_]`)

func scalar(n ast.Node, t reflect.Type, path string) error {
	_, isNull := n.(*ast.NullNode)
	_, isBool := n.(*ast.BoolNode)
	if _, ok := n.(ast.ScalarNode); !ok && !isNull {
		return unfit(n, t, path)
	}
	text := n.GetToken().Value
	switch t.Kind() {
	case reflect.String:
		return nil
	case reflect.Bool:
		if !isBool {
			return unfit(n, t, path)
		}
		return nil
	case reflect.Float32, reflect.Float64:
		if _, hex := strconv.ParseInt(text, 0, 64); hex == nil {
			return nil
		}
		if x, ok := number(text); isNull || !ok || math.IsInf(x, 0) || math.IsNaN(x) {
			return unfit(n, t, path)
		}
		return nil
	}
	if isNull || octal.MatchString(text) {
		return unfit(n, t, path)
	}
	return whole(n, text, t, path)
}

func number(text string) (float64, bool) {
	x, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	return x, err == nil
}

// whole checks a value for a whole number.
func whole(n ast.Node, text string, t reflect.Type, path string) error {
	into := reflect.New(t).Elem()
	unsigned := into.CanUint()
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		if unsigned && i < 0 || !unsigned && into.OverflowInt(i) || unsigned && into.OverflowUint(uint64(i)) {
			return outOfRange(n, unsigned && i < 0, path)
		}
		return nil
	}
	if u, err := strconv.ParseUint(text, 0, 64); err == nil {
		if !unsigned || into.OverflowUint(u) {
			return outOfRange(n, false, path)
		}
		return nil
	}
	x, ok := number(text)
	switch {
	case !ok || x != math.Trunc(x) || math.IsNaN(x):
		return unfit(n, t, path)
	case unsigned && x < 0:
		return outOfRange(n, true, path)
	case math.Abs(x) > 1<<53: // no longer every whole number
		return outOfRange(n, false, path)
	}
	return nil
}

func outOfRange(n ast.Node, negative bool, path string) error {
	if negative {
		return fmt.Errorf("line %d: %s is %s, want 0 or more", line(n), path, shown(n))
	}
	return fmt.Errorf("line %d: %s is %s, which is too large a number", line(n), path, shown(n))
}

// unfit says what a key takes instead.
func unfit(n ast.Node, t reflect.Type, path string) error {
	what := "is " + shown(n)
	switch n.(type) {
	case *ast.NullNode:
		what = "has no value"
	case *ast.SequenceNode:
		what = "is a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		what = "is a section of keys"
	}
	if path == "" {
		path = "the configuration"
	}
	return fmt.Errorf("line %d: %s %s, want %s", line(n), path, what, kind(t))
}

// shown is a scalar as it was written, fit for a terminal.
func shown(n ast.Node) string {
	text := n.GetToken().Value
	if _, err := strconv.ParseFloat(text, 64); (err == nil || errors.Is(err, strconv.ErrRange)) && len(text) < 40 {
		return text
	}
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return strconv.QuoteToGraphic(text)
}

func named(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func line(n ast.Node) int { return n.GetToken().Position.Line }
