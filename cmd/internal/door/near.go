package door

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/store/registry"
)

// Typed remembers what of a command line is needed to say what was meant by it.
func (a *App) Typed(c *cobra.Command, args []string) {
	a.Store, a.Named, a.Paths = storeOf(c), slices.Clone(args), slices.Clone(args)
	c.Flags().Visit(func(f *pflag.Flag) {
		switch flagNames[f.Name] {
		case Ref:
			a.Named = append(a.Named, f.Value.String())
		case Path, BaseName:
			a.Paths = append(a.Paths, f.Value.String())
		}
	})
}

// near is what was probably meant by the name of something that is not there, or of a file that is not; "" when
// nothing is like it.
func (a *App) near(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrNotExist) {
		typed := func(word string) bool { return word != "" && strings.HasSuffix(path.Path, filepath.Clean(word)) }
		if i := slices.IndexFunc(a.Paths, typed); i >= 0 {
			return nearFile(a.Paths[i])
		}
	}
	var sorts []things
	switch {
	case errors.Is(err, datasets.ErrNotFound):
		sorts = []things{{datasets: true}}
	case errors.Is(err, registry.ErrNoVersion), errors.Is(err, registry.ErrNoAlias):
		sorts = []things{{adapters: true}, {datasets: true}}
	}
	for _, t := range sorts {
		for _, word := range a.Named {
			if name := a.nearName(t, word); name != "" {
				return name
			}
		}
	}
	return ""
}

func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if name := meant(filepath.Base(path), names); name != "" {
		return filepath.Join(filepath.Dir(path), name)
	}
	return ""
}

// nearName is the name, or the version or alias of a name, that is nearest to one that is not there. Of versions that
// is the highest.
func (a *App) nearName(t things, word string) string {
	if word == "" || strings.ContainsAny(word, `/\`) {
		return ""
	}
	name, behind := word, ""
	if at := strings.IndexAny(word, "@:"); at >= 0 {
		name, behind = word[:at], word[at:]
	}
	names := a.listed(t, "")
	if !slices.Contains(names, name) {
		if near := meant(name, names); near != "" {
			return near + behind
		}
		return ""
	}
	if behind == "" {
		return ""
	}
	all := a.listed(t, name+behind[:1])
	if slices.Contains(all, word) {
		return ""
	}
	if behind[0] == '@' {
		return First(all)
	}
	return meant(word, all)
}

// listed are the names where the command looked, or what begins as was typed.
func (a *App) listed(t things, typed string) []string {
	return soon(context.Background(), func(ctx context.Context) []string {
		h, err := a.place(ctx, a.Store)
		if err != nil {
			return nil
		}
		return t.in(ctx, h, typed)
	})
}

// Rename says which name there can be instead of one that there cannot.
func Rename(flag, text string, err error) error {
	plain := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(text)), "-._")
	if registry.CheckName(plain) != nil {
		return err
	}
	return Hint(err, "--%s %s would do", flag, plain)
}
