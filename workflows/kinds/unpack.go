package kinds

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/cultivar/cultivar/internal/embedded"
	"github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/internal/embedded/documents"
	"github.com/cultivar/cultivar/workflows"
)

// documentsRoot is the folder of the sample documents in what the program carries.
const documentsRoot = "files"

// Carried says which of what the program carries is meant, so that a workflow of another version of the
// program is not taken for one of this.
type Carried struct {
	Digest string `yaml:"digest"`
}

// CarriedBase is the embedded base.
func CarriedBase() (Carried, error) {
	d, err := embedded.Digest(base.FS, base.Name)
	return Carried{d}, err
}

// CarriedDocuments are the sample documents.
func CarriedDocuments() (Carried, error) {
	d, err := embedded.Digest(documents.FS, documentsRoot)
	return Carried{d}, err
}

func unpackBase() workflows.Kind {
	return unpack("unpack base", workflows.Port{Name: "base", Type: workflows.Base}, base.Name, base.FS, base.Name, CarriedBase)
}

func unpackDocuments() workflows.Kind {
	return unpack("unpack documents", workflows.Port{Name: "documents", Type: workflows.Documents}, "documents", documents.FS, documentsRoot, CarriedDocuments)
}

func unpack(kind string, out workflows.Port, name string, files embed.FS, root string, carried func() (Carried, error)) workflows.Kind {
	return workflows.Kind{
		Name: kind, Version: 1, Config: func() any { return &Carried{} }, Outputs: []workflows.Port{out}, Intact: intact,
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			have, err := carried()
			if err != nil {
				return workflows.Result{}, err
			}
			if want := t.Config.(*Carried).Digest; want != have.Digest {
				return workflows.Result{}, fmt.Errorf("this program carries %s, want %s", have.Digest, want)
			}
			sub, err := fs.Sub(files, root)
			if err != nil {
				return workflows.Result{}, err
			}
			a, err := put(ctx, env, out.Type, name, "", sub)
			return workflows.Result{Outputs: workflows.Artefacts{out.Name: a}}, err
		},
	}
}
