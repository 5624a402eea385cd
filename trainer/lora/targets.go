package lora

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/trainer/model"
)

// Targets is target_modules: a list of module names, or one string that is "all-linear" or a
// regular expression over full module names.
type Targets []string

// target chooses what is trained, in the order of modules, and says by which target_modules and
// target_parameters PEFT finds it and nothing else.
func target(c Config, modules []model.Module) (targeted []model.Module, byModule, byParameter []string, err error) {
	var linear, matched []model.Module
	for _, m := range modules {
		if isLinear(m) {
			linear = append(linear, m)
		}
	}
	if len(c.TargetModules) > 0 {
		if matched, err = match(c.TargetModules, linear, modules); err != nil {
			return nil, nil, nil, err
		}
	}
	parameters, err := matchParameters(c.TargetParameters, modules)
	if err != nil {
		return nil, nil, nil, err
	}
	var named []model.Module // by target_modules
	for _, m := range modules {
		inModules, inParameters := slices.Contains(matched, m), slices.Contains(parameters, m)
		switch {
		case inModules && inParameters:
			return nil, nil, nil, fmt.Errorf("lora.target_parameters: %s is the weight of a module that target_modules names", parameterOf(m))
		case inModules && hasExperts(modules) && peft.TakenForExperts(m.Name):
			if c.Dropout != 0 || c.UseDoRA {
				return nil, nil, nil, fmt.Errorf("lora.target_modules: beside experts PEFT adapts %s as a parameter, without lora_dropout or use_dora", m.Name)
			}
			parameters = append(parameters, m)
		case inModules:
			named = append(named, m)
		case !inParameters:
			continue
		}
		targeted = append(targeted, m)
	}
	return targeted, namesFor(named, linear), parameterNames(parameters, modules), nil
}

// isLinear tells linear modules from experts and their router.
func isLinear(m model.Module) bool { return m.Experts == 0 && !m.Router }

func hasExperts(modules []model.Module) bool {
	return slices.ContainsFunc(modules, func(m model.Module) bool { return m.Experts > 0 })
}

// parameterOf is the name of a module's weight to PEFT's target_parameters.
func parameterOf(m model.Module) string {
	if m.Experts > 0 {
		return m.Name
	}
	return m.Name + ".weight"
}

// match applies target_modules as PEFT does: a list names modules by their last parts, one string
// is a regular expression over the whole name.
func match(t Targets, linear, modules []model.Module) ([]model.Module, error) {
	if len(t) == 1 && t[0] == AllLinear {
		return linear, nil
	}
	test := func(name string) bool { return peft.Named(t, name) }
	if len(t) == 1 && strings.ContainsAny(t[0], `*+?()[]|\^$`) {
		re, err := peft.Compile(t[0])
		if err != nil {
			return nil, fmt.Errorf("lora.target_modules: %w; a list of module names does", err)
		}
		test = re.MatchString
	} else if hasExperts(modules) {
		// Elsewhere a name too many does no harm, as in PEFT; here it would mean experts that are not trained.
		for _, s := range t {
			if !slices.ContainsFunc(linear, func(m model.Module) bool { return peft.Named([]string{s}, m.Name) }) {
				return nil, unmatched(s, modules)
			}
		}
	}
	var out []model.Module
	for _, m := range linear {
		if test(m.Name) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return nil, unmatched(strings.Join(t, ", "), modules)
	}
	return out, nil
}

func unmatched(what string, modules []model.Module) error {
	return fmt.Errorf("lora.target_modules: %s matches no module of the base (it has %s)", what, targets(modules))
}

// matchParameters applies target_parameters as PEFT does: names, or last parts of names. PEFT is content
// when one of them matches; one that does not is an error here.
func matchParameters(names []string, modules []model.Module) ([]model.Module, error) {
	for _, s := range names {
		if !slices.ContainsFunc(modules, func(m model.Module) bool { return peft.Named([]string{s}, parameterOf(m)) }) {
			return nil, fmt.Errorf("lora.target_parameters: %s matches no parameter of the base (it has %s)", s, parameterList(modules))
		}
	}
	var out []model.Module
	for _, m := range modules {
		if peft.Named(names, parameterOf(m)) {
			out = append(out, m)
		}
	}
	return out, nil
}

// targets says what of a base can be targeted.
func targets(modules []model.Module) string {
	var linear []model.Module
	for _, m := range modules {
		if isLinear(m) {
			linear = append(linear, m)
		}
	}
	list := strings.Join(suffixes(linear), ", ")
	if hasExperts(modules) {
		list += "; for target_parameters " + parameterList(modules)
	}
	return list
}

// parameterList names what only target_parameters can target.
func parameterList(modules []model.Module) string {
	var list []string
	for _, m := range modules {
		if name := TargetParameter(m); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "no experts; linear modules are named in target_modules"
	}
	return strings.Join(list, ", ")
}

// TargetParameter is the name within a layer by which target_parameters finds experts or their router, ""
// for a linear module.
func TargetParameter(m model.Module) string {
	if isLinear(m) {
		return ""
	}
	return withoutLayer(parameterOf(m))
}

// upToLayer is a name's parts up to the number of its layer.
var upToLayer = regexp.MustCompile(`^.*\.\d+\.`)

func withoutLayer(name string) string { return upToLayer.ReplaceAllString(name, "") }

// namesFor is the list by which PEFT finds the targeted modules and no other: last parts of names, or
// whole names where those would be too many. A regular expression is not handed on, because PEFT would
// hold it against modules as well that are not linear.
func namesFor(targeted, linear []model.Module) []string {
	list := suffixes(targeted)
	if found, err := match(list, linear, nil); err == nil && len(found) == len(targeted) {
		return list
	}
	list = nil
	for _, m := range targeted {
		list = append(list, m.Name)
	}
	slices.Sort(list)
	return list
}

// parameterNames is the same for target_parameters: names within a layer, or whole ones.
func parameterNames(targeted, modules []model.Module) []string {
	var short, long []string
	for _, m := range targeted {
		long = append(long, parameterOf(m))
		short = append(short, withoutLayer(parameterOf(m)))
	}
	slices.Sort(short)
	short = slices.Compact(short)
	if found, err := matchParameters(short, modules); err == nil && len(found) == len(targeted) {
		return short
	}
	slices.Sort(long)
	return long
}

// suffixes lists the distinct last parts of module names, sorted.
func suffixes(modules []model.Module) []string {
	set := make(map[string]bool)
	for _, m := range modules {
		set[m.Name[strings.LastIndexByte(m.Name, '.')+1:]] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// UnmarshalYAML accepts a list of names or one string, as PEFT does.
func (t *Targets) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*t = Targets{one}
		return nil
	}
	var list []string
	if err := unmarshal(&list); err != nil {
		return errors.New("target_modules must be a list of module names, a regular expression or all-linear")
	}
	*t = list
	return nil
}
