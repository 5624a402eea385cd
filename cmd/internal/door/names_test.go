package door

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/workflows/fault"
)

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		naming     Naming
		name, want string // "" when it is refused
	}{
		{Path, "a/b", "a/b"}, {Path, "file:///a/b", "/a/b"}, {Path, "notes:2024.md", "notes:2024.md"}, {Path, `C:\a`, `C:\a`},
		{Path, "s3://b/p", ""}, {Path, "s3:/b", ""}, {Path, "gs://b", ""}, {Path, "file:/a", ""}, {Path, "http://x/y", ""}, {Path, "S3:b", ""},
		{Store, "s3://b/p", "s3://b/p"}, {Store, "dir", "dir"}, {Store, "file:///a", "/a"}, {Store, "s3:/b", ""}, {Store, "gs://b", ""},
		{BaseName, "hf://o/n", "hf://o/n"}, {BaseName, "dir", "dir"}, {BaseName, "gs://b/m", ""}, {BaseName, "s3:/b", ""},
		{Ref, "k", "k"}, {Ref, "k@3", "k@3"}, {Ref, "s3:prod", "s3:prod"}, {Ref, "./k", "./k"}, {Ref, "file:///k", "/k"}, {Ref, "s3:/b", ""}, {Ref, "gs://b", ""},
		{NoName, "s3:/b", "s3:/b"},
	} {
		got, err := tt.naming.resolve(tt.name)
		if tt.naming == Store && tt.want == "/a" {
			tt.want = tt.name // opened as it is
		}
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%d %q: %q, %v", tt.naming, tt.name, got, err)
		}
	}
}

// TestCheckNames: flags and arguments alike, all findings at once; the name of what ingest makes is no path.
func TestCheckNames(t *testing.T) {
	verb := func(use string, args ...string) (out, seen string, err error) {
		c := &cobra.Command{Use: use, RunE: func(_ *cobra.Command, args []string) error { seen = strings.Join(args, " "); return nil }, PersistentPreRunE: CheckNames, SilenceErrors: true, SilenceUsage: true}
		c.Flags().StringVar(&out, "out", "", "")
		c.Flags().String("base", "", "")
		c.SetArgs(args)
		err = c.Execute()
		return out, seen, err
	}
	if out, seen, err := verb("export ADAPTER --out PATH", "file:///a", "--out", "file:///o"); out != "/o" || seen != "/a" || err != nil {
		t.Errorf("out %q, saw %q, %v", out, seen, err)
	}
	if _, _, err := verb("ingest SOURCE… --out DATASET", "a", "b", "--out", "x:y"); err != nil {
		t.Errorf("the name of a dataset: %v", err)
	}
	_, _, err := verb("ingest SOURCE… --out DATASET", "a", "s3:/b", "--base", "gs://m")
	if err == nil || fault.Of(t.Context(), err).Code != fault.Usage || !strings.Contains(err.Error(), "s3:/b") || !strings.Contains(err.Error(), "--base") {
		t.Errorf("two wrong names: %v", err)
	}
}
