package peft

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// Targeted is PEFT's check_target_module_exists: which modules of a base the configuration names, whatever
// parameters it targets. It is nil where a pattern is one that only Python can read: the tensors of the file
// say then which modules they belong to.
func Targeted(c adapters.Config) (targeted func(module string) bool, err error) {
	include, err := matcher(c.TargetModules)
	if err != nil {
		return nil, unlessPythons("target_modules", err)
	}
	exclude := func(string) bool { return false }
	if len(c.ExcludeModules) > 0 {
		if exclude, err = matcher(c.ExcludeModules); err != nil {
			return nil, unlessPythons("exclude_modules", err)
		}
	}
	layer, err := layerOf(c)
	if err != nil {
		return nil, unlessPythons("layers_pattern", err)
	}
	return func(module string) bool { return include(module) && !exclude(module) && layer(module) }, nil
}

// unlessPythons is an error about a pattern, nil where Python may well read it.
func unlessPythons(key string, err error) error {
	if errors.Is(err, errPythons) {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}

// matcher holds names against target_modules: a list names modules by their last parts; a single string,
// which adapters.Config holds as a list of one, is "all-linear" or a regular expression over the whole
// name.
func matcher(targets []string) (func(module string) bool, error) {
	if !isPattern(targets) {
		return func(module string) bool { return Named(targets, module) }, nil
	}
	if targets[0] == allLinear {
		return func(string) bool { return true }, nil
	}
	re, err := Compile(targets[0])
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

// layerOf tells whether a module is in one of layers_to_transform, which narrows lists of names alone.
func layerOf(c adapters.Config) (func(module string) bool, error) {
	if len(c.LayersToTransform) == 0 || isPattern(c.TargetModules) {
		return func(string) bool { return true }, nil
	}
	patterns := []*regexp.Regexp{regexp.MustCompile(`^.*?\.[^.]*\.(\d+)\.`)}
	for i, p := range c.LayersPattern {
		if _, err := Compile(p); err != nil {
			return nil, err
		}
		re, err := regexp.Compile(`^(?:.*?\.)?(?:` + p + `)\.(\d+)\.`)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns[:i], re)
	}
	return func(module string) bool {
		for _, re := range patterns {
			groups := re.FindStringSubmatch(module)
			if groups == nil {
				continue
			}
			n, err := strconv.Atoi(groups[len(groups)-1])
			return err == nil && slices.Contains(c.LayersToTransform, n)
		}
		return false
	}, nil
}

// Compile reads a regular expression that must match the whole of a name. What only Python's have is
// refused in words of its own.
func Compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err == nil {
		return re, nil
	}
	wrong, ok := errors.AsType[*syntax.Error](err)
	switch {
	case !ok:
		return nil, fmt.Errorf("%.200q is no regular expression", pattern)
	case slices.Contains(pythons, wrong.Code):
		return nil, fmt.Errorf("%.200q: %q is %w (no look-ahead, no look-behind, no reference to a group)", pattern, wrong.Expr, errPythons)
	}
	return nil, fmt.Errorf("%.200q is no regular expression: %s", pattern, wrong.Code)
}

// errPythons means that an expression may be one in Python, and is none here.
var errPythons = errors.New("not supported in a regular expression")

// pythons are the mistakes that Python does not make; a look-behind is read as a name of a group.
var pythons = []syntax.ErrorCode{syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture, syntax.ErrInvalidEscape, syntax.ErrInvalidRepeatOp, syntax.ErrInvalidRepeatSize, syntax.ErrLarge, syntax.ErrNestingDepth}

const allLinear = "all-linear"

// isPattern tells the single string from the list: module names hold none of these characters.
func isPattern(targets []string) bool {
	return len(targets) == 1 && (targets[0] == allLinear || strings.ContainsAny(targets[0], `*+?()[]|\^$`))
}
