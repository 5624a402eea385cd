package door

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/yamlerr"
)

// Settings adds --set, which writes keys of a configuration over its file.
func Settings(c *cobra.Command, into *[]string) {
	c.Flags().StringArrayVar(into, "set", nil, "set a key of the configuration, as lora.r=8 (may be given several times)")
}

// unnumbered is what an error says of lines: here is but one.
var unnumbered = regexp.MustCompile(`^line \d+: `)

// Set writes assignments such as lora.r=8 over config, a pointer to one, and enters where each key came from.
// Values are YAML, as in the file.
func Set(config any, assignments []string, origins map[string]string) error {
	for _, text := range assignments {
		key, value, ok := strings.Cut(text, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || strings.ContainsAny(text, "\n\r") {
			return Usagef("--set is %q, want KEY=VALUE, such as lora.r=8", text)
		}
		if err := yamlerr.Decode(assignment(key, value), config); err != nil {
			return Usagef("--set %s: %s", text, unnumbered.ReplaceAllString(err.Error(), ""))
		}
		origins[key] = "--set"
	}
	return nil
}

// assignment is a YAML document that holds one key.
func assignment(path, value string) []byte {
	var b strings.Builder
	for i, part := range strings.Split(path, ".") {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s:", strings.Repeat(" ", i), part)
	}
	return []byte(b.String() + " " + value + "\n")
}
