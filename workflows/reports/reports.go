// Package reports makes the page that a verb leaves behind: which numbers of a training, an evaluation, an
// ingestion or an adapter are worth a look, and in which order. It computes nothing and writes no file; the
// drawing is internal/report's.
//
// A report is derived: no digest covers it, and the same inputs give the same bytes. Text of documents is in
// none, but for the samples of a training, which can be switched off.
package reports

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/internal/strictjson"
	"github.com/cultivar/cultivar/internal/version"
)

// File is the name of a report beside what it is about.
const File = catalog.ReportName

// Write writes a page to a file that its owner alone can read: it names documents, and may quote them.
func Write(path string, p report.Page) error {
	p.Foot = version.Tool
	return atomicfile.WritePrivate(path, func(w io.Writer) error { return report.Write(w, p) })
}

// setting is a key of a configuration with its value, as YAML writes both.
type setting struct{ key, value string }

// settings lists the keys of a configuration in its own order, those of objects within it with a dot. Those of
// the object called inline stand beside the others in YAML.
func settings(config any, inline string) []setting {
	data, err := json.Marshal(config)
	if err != nil {
		return nil // a configuration always encodes
	}
	list := flatten("", data, nil)
	for i := range list {
		list[i].key = strings.TrimPrefix(list[i].key, inline+".")
	}
	return list
}

func flatten(key string, value []byte, list []setting) []setting {
	members, err := strictjson.Members(value)
	if err != nil || len(members) == 0 {
		return append(list, setting{key, string(value)})
	}
	for _, m := range members {
		name := m.Key
		if key != "" {
			name = key + "." + m.Key
		}
		list = flatten(name, m.Value, list)
	}
	return list
}

// fromDefault is the origin of what nobody has set.
const fromDefault = "default"

// configured is the section about a configuration: what was set, and from where, and all the rest.
func configured(config, defaults []setting, origins map[string]string) report.Section {
	usual := map[string]string{}
	for _, s := range defaults {
		usual[s.key] = s.value
	}
	var set, all [][]string
	for _, s := range config {
		origin, stated := origins[s.key]
		switch {
		case stated:
		case s.value == usual[s.key], none(s.value) && none(usual[s.key]):
			origin = fromDefault
		default:
			origin = "set"
		}
		row := []string{s.key, plain(s.value), origin}
		all = append(all, row)
		if origin != fromDefault {
			set = append(set, row)
		}
	}
	head := []string{"key", "value", "from"}
	blocks := []report.Block{}
	if len(set) > 0 {
		blocks = append(blocks, report.Table{Head: head, Rows: set, Code: true})
	} else {
		blocks = append(blocks, report.Text{Text: "Everything is as it is by default.", Mild: true})
	}
	blocks = append(blocks, report.Table{Title: "All settings", Head: head, Rows: all, Code: true, Fold: true})
	return report.Section{Title: "Settings", Blocks: blocks}
}

// none says whether a value is one of the ways to say nothing.
func none(value string) bool { return slices.Contains([]string{"", "null", `""`, "{}", "[]"}, value) }

// plain takes the quotes from a string that needs none.
func plain(value string) string {
	var s string
	if json.Unmarshal([]byte(value), &s) == nil && s != "" {
		return s
	}
	return value
}

// seconds prints a span of time.
func seconds(s float64) string {
	return humanize.Duration(time.Duration(math.Round(s*1e3)) * time.Millisecond)
}

// loss prints a mean likelihood, with what is not known as a dash.
func loss(v *float64) string {
	if v == nil {
		return "–"
	}
	return report.Number(*v)
}

// compact leaves out pairs without a value.
func compact(pairs []report.Pair) []report.Pair {
	return slices.DeleteFunc(pairs, func(p report.Pair) bool { return p.Value == "" })
}
