package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cultivar/cultivar/internal/humanize"
)

// Card renders the manifest for people, as Markdown. It says nothing that is not in the manifest.
func (m *Manifest) Card() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s@%d\n\n", m.Name, m.Version)
	c := m.Counts
	fmt.Fprintf(&b, "%s documents with %s characters, %s training examples.\n\n", humanize.Comma(c.Documents), humanize.Comma(c.Chars), humanize.Comma(c.Examples))
	fmt.Fprintf(&b, "| | |\n|---|---|\n")
	fmt.Fprintf(&b, "| digest | `%s` |\n", m.Digest)
	fmt.Fprintf(&b, "| config | `%s` |\n", m.ConfigDigest)
	fmt.Fprintf(&b, "| made with | cultivar %s |\n", cell(m.ToolVersion))
	if !m.CreatedAt.IsZero() {
		fmt.Fprintf(&b, "| created | %s |\n", m.CreatedAt.UTC().Format(time.RFC3339))
	}
	for _, p := range m.Parents {
		fmt.Fprintf(&b, "| parent | %s@%d `%s` |\n", cell(p.Name), p.Version, p.Digest)
	}
	b.WriteString("\n## What became of the documents\n\n| | documents |\n|---|---:|\n")
	fmt.Fprintf(&b, "| in | %s |\n", humanize.Comma(c.Input))
	for _, rule := range slices.Sorted(maps.Keys(c.DroppedBy)) {
		fmt.Fprintf(&b, "| dropped by %s | −%s |\n", cell(rule), humanize.Comma(c.DroppedBy[rule]))
	}
	fmt.Fprintf(&b, "| **kept** | **%s** |\n", humanize.Comma(c.Documents))
	section(&b, "Not looked at", "why", "files and folders", c.SkippedBy)
	section(&b, "Spans cut out", "rule", "spans", c.SpansBy)
	section(&b, "Redactions", "entity", "redactions", c.RedactedBy)
	section(&b, "Examples", "split", "examples", c.Splits)
	m.sources(&b)
	m.files(&b)
	return b.String()
}

func section(b *strings.Builder, title, key, unit string, by map[string]int64) {
	if len(by) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| %s | %s |\n|---|---:|\n", title, key, unit)
	for _, name := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(b, "| %s | %s |\n", cell(name), humanize.Comma(by[name]))
	}
	fmt.Fprintf(b, "| **total** | **%s** |\n", humanize.Comma(total(by)))
}

func (m *Manifest) sources(b *strings.Builder) {
	if len(m.Sources) == 0 {
		return
	}
	b.WriteString("\n## Sources\n\n| source | documents |\n|---|---:|\n")
	for _, s := range m.Sources {
		fmt.Fprintf(b, "| %s | %s |\n", cell(s.URI), humanize.Comma(s.Documents))
	}
}

// files adds up what each directory holds.
func (m *Manifest) files(b *strings.Builder) {
	kinds := map[string]*[3]int64{} // files, rows, bytes
	for _, f := range m.Files {
		kind, _, nested := strings.Cut(f.Path, "/")
		if nested {
			kind += "/"
		}
		if kinds[kind] == nil {
			kinds[kind] = new([3]int64)
		}
		kinds[kind][0]++
		kinds[kind][1] += f.Rows
		kinds[kind][2] += f.Size
	}
	b.WriteString("\n## Files\n\n| path | files | rows | bytes |\n|---|---:|---:|---:|\n")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		n := kinds[kind]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(kind), humanize.Comma(n[0]), humanize.Comma(n[1]), humanize.Comma(n[2]))
	}
}

// cell keeps text from breaking out of its place in a table.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "<", "&lt;").Replace(s)
}
