package cli

import (
	"strings"
	"testing"
)

func TestSuggestions(t *testing.T) {
	for line, want := range map[string]string{
		"ingset x":                          "did you mean `cultivar ingest`?",
		"ingset x --out d":                  "did you mean `cultivar ingest`?",
		"trian":                             "did you mean `cultivar train`?",
		"dataset lst":                       "did you mean `cultivar dataset ls`?",
		"xyzzy":                             "`cultivar --help` lists the commands",
		"train --lr 1":                      "did you mean --learning-rate?",
		"train --epochs 1":                  "did you mean --num-epochs?",
		"train --model x":                   "did you mean --base?",
		"train --output_dir x":              "did you mean --out?",
		"train --batch-size 4":              "batch-size is a key of the configuration",
		"generate --max-tokens 4":           "did you mean --max-new-tokens?",
		"export --fromat x":                 "did you mean --format?",
		"version --something-else-entirely": "",
	} {
		code, _, errs := call(strings.Fields(line)...)
		_, got, found := strings.Cut(errs, "cultivar: hint: ")
		if code != 2 || found != (want != "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: exit code %d, hint %q, want %q", line, code, got, want)
		}
	}
}
