package door

import (
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Help prints what a verb is for. On a terminal it takes the width that there is; elsewhere lines are as they
// were written.
func (a *App) Help(c *cobra.Command) error {
	width := min(a.Width(), maxText)
	var b strings.Builder
	about := c.Long
	if about == "" {
		about = c.Short
	}
	writeLines(&b, reflow(about, width))
	b.WriteString("\nUsage:\n")
	writeLines(&b, hanging("  "+c.UseLine(), 4, width))
	if c.Example != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.SplitSeq(c.Example, "\n") {
			writeLines(&b, continued(line, width))
		}
	}
	writeVerbs(&b, c, width)
	writeFlags(&b, "Flags", c.LocalFlags(), width)
	writeFlags(&b, "Flags of every command", c.InheritedFlags(), width)
	if c.HasAvailableSubCommands() {
		b.WriteByte('\n')
		writeLines(&b, wrap("`"+c.CommandPath()+" COMMAND --help` tells more of a command.", width))
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// writeFlags lists flags. pflag breaks no text that would be narrower than 24 columns.
func writeFlags(b *strings.Builder, title string, flags *pflag.FlagSet, width int) {
	text := strings.TrimRight(flags.FlagUsagesWrapped(width), "\n")
	if text == "" {
		return
	}
	b.WriteString("\n" + title + ":\n")
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func writeLines(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
}

// writeVerbs lists the verbs below one.
func writeVerbs(b *strings.Builder, c *cobra.Command, width int) {
	if !c.HasAvailableSubCommands() {
		return
	}
	b.WriteString("\nCommands:\n")
	name := 0
	for _, sub := range c.Commands() {
		name = max(name, len(sub.Name()))
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			line := "  " + sub.Name() + strings.Repeat(" ", name-len(sub.Name())) + Gap + sub.Short
			writeLines(b, hanging(line, 2+name+len(Gap), width))
		}
	}
}

// reflow fills the lines of paragraphs anew; those that are indented are a table, and stay.
func reflow(text string, width int) []string {
	lines := strings.Split(text, "\n")
	if width == 0 {
		return lines
	}
	var out []string
	paragraph := ""
	flush := func() {
		if paragraph != "" {
			out = append(out, wrap(paragraph, width)...)
			paragraph = ""
		}
	}
	for _, line := range lines {
		switch {
		case line == "", strings.ToUpper(line) == line:
			flush()
			out = append(out, line)
		case strings.HasPrefix(line, "  "):
			flush()
			out = append(out, hanging(line, columnOf(line), width)...)
		default:
			paragraph = strings.TrimLeft(paragraph+" "+line, " ")
		}
	}
	flush()
	return out
}

// columnOf is where the text of a line of a table goes on: after its name.
func columnOf(line string) int {
	name := strings.TrimLeft(line, " ")
	begin := len(line) - len(name)
	if at := strings.Index(name, "  "); at >= 0 {
		return begin + len(name) - len(strings.TrimLeft(name[at:], " "))
	}
	return begin + 2
}

// hanging wraps a line, of which those that follow stand further in.
func hanging(line string, indent, width int) []string {
	if width == 0 || textWidth(line) <= width {
		return []string{line}
	}
	first := wrap(line, width)[0]
	rest := strings.TrimLeft(line[min(len(first), len(line)):], " ")
	if rest == "" {
		return []string{line}
	}
	out := []string{first}
	for _, l := range wrap(rest, max(1, width-indent)) {
		out = append(out, strings.Repeat(" ", indent)+l)
	}
	return out
}

// valued is a flag and the start of what follows it.
var valued = regexp.MustCompile(`(--?[a-z][a-z-]*) ([^-\s])`)

// quoted is what a shell reads as one word, but for what it runs in it.
var quoted = regexp.MustCompile(`"[^"$]*"|'[^']*'`)

// continued wraps a command line so that a shell reads it as the one that it was; a flag keeps its value.
func continued(line string, width int) []string {
	line = quoted.ReplaceAllStringFunc(valued.ReplaceAllString(line, "$1"+tie+"$2"), func(s string) string {
		return strings.ReplaceAll(s, " ", tie)
	})
	out := hanging(line, 6, max(0, width-2))
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], tie, " ")
	}
	for i := range out[:len(out)-1] {
		out[i] += ` \`
	}
	return out
}
