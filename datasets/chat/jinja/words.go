package jinja

import (
	"regexp"
	"slices"
	"strings"
)

// What a template complains about may hold words of a conversation, which belong into no error and no log. An error
// therefore shows of a text what stands in the template itself, and three dots for the rest.

// hidden stands for what is not shown.
const hidden = "…"

// placeholder is one of str.format or of %.
var placeholder = regexp.MustCompile(`\{[^{}]*\}|%(\([^)]*\))?[-+ #0-9.]*[a-zA-Z]`)

// name is a text for an error: as it is when it is a name or a literal of the template.
func (r *renderer) name(s string) string {
	if r.words[s] {
		return s
	}
	return hidden
}

// key is what a value is looked up by, for an error.
func (r *renderer) key(v any) string {
	if s, ok := v.(string); ok {
		return "'" + r.name(s) + "'"
	}
	return "of that " + typeName(v)
}

// raised is a message of raise_exception for an error: as it is when it is a literal, else what of it are literals of
// the expression that makes it.
func (r *renderer) raised(msg string, args arguments) string {
	if r.words[msg] {
		return msg
	}
	var list []string
	for _, e := range slices.Concat(args.positional, args.named) {
		list = literals(e, list)
	}
	// A text that is formatted stands there without its placeholders.
	list = placeholder.Split(strings.Join(list, "{}"), -1)
	var b strings.Builder
	done := 0
	for _, s := range list {
		at := strings.Index(msg[done:], s)
		if at < 0 || strings.TrimSpace(s) == "" {
			continue
		}
		if at > 0 {
			b.WriteString(hidden)
		}
		b.WriteString(s)
		done += at + len(s)
	}
	if done < len(msg) {
		b.WriteString(hidden)
	}
	return b.String()
}

// literals appends the texts that stand in an expression, from left to right.
func literals(e expr, list []string) []string {
	switch e := e.(type) {
	case *literalExpr:
		if s, ok := e.value.(string); ok {
			list = append(list, s)
		}
	case *binaryExpr:
		return literals(e.right, literals(e.left, list))
	case *condExpr:
		return literals(e.otherwise, literals(e.then, list))
	case *listExpr:
		for _, item := range e.items {
			list = literals(item, list)
		}
	case *filterExpr:
		return literals(e.of, list)
	case *callExpr:
		if method, ok := e.fn.(*attrExpr); ok {
			list = literals(method.of, list) // '…'.format()
		}
	}
	return list
}
