// Package kinds lists what can be made, a file a kind, in the two ways there are: as a stage that a workflow
// names ([workflows.Kind]), from artefacts of the home to such, and by one call of a door ([workflows.Work]),
// from and to places that are named. Both say what was used and made by digest. The work itself is done by the packages beside this one,
// which the doors call too. Whatever a kind makes it leaves in the home, where any process finds it; what it
// needs as files it checks out from there.
package kinds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/tree"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
)

// Hooks show how far the work is; they change nothing.
type Hooks struct {
	Train trainer.Hooks
}

// All lists the kinds.
func All(h Hooks) workflows.Kinds {
	return workflows.Kinds{
		unpackBase(), unpackDocuments(), ingest(), train(h.Train), evaluate(), publishAdapter(), pull(), ask(),
	}
}

// none is the configuration of a kind that has nothing to configure.
type none struct{}

func noConfig() any { return &none{} }

// one lists an artefact.
func one(t workflows.Type, ref, digest string) []workflows.Artefact {
	return []workflows.Artefact{{Type: t, Ref: ref, Digest: digest}}
}

// facts makes a result of one output, with figures for a report.
func facts(port string, a workflows.Artefact, figures any) (workflows.Result, error) {
	data, err := json.Marshal(figures)
	if err != nil {
		return workflows.Result{}, fmt.Errorf("encode facts: %w", err)
	}
	if a.Type == workflows.Report {
		a.Digest = string(cas.Sum(data))
	}
	return workflows.Result{Outputs: workflows.Artefacts{port: a}, Facts: data}, nil
}

// put stores files as a tree and refers to it. The digest is that of the content in its own terms; when
// empty, it is the tree's.
func put(ctx context.Context, env workflows.Env, t workflows.Type, name, digest string, files fs.FS) (workflows.Artefact, error) {
	d, err := tree.Put(ctx, env.Bucket, files)
	if err != nil {
		return workflows.Artefact{}, err
	}
	if digest == "" {
		digest = string(d)
	}
	return workflows.Artefact{Type: t, Ref: name + "@" + string(d), Digest: digest}, nil
}

// treeOf is the tree that an artefact refers to.
func treeOf(a workflows.Artefact) (name string, d cas.Digest, err error) {
	name, digest, _ := strings.Cut(a.Ref, "@")
	if d, err = cas.ParseDigest(digest); err != nil || name != filepath.Base(name) || !filepath.IsLocal(name) {
		return "", "", fmt.Errorf("%s %q refers to no files: %w", a.Type, a.Ref, tree.ErrBadTree)
	}
	return name, d, nil
}

// Checkout writes the files of an artefact to a directory.
func Checkout(ctx context.Context, env workflows.Env, a workflows.Artefact, dir string) error {
	_, d, err := treeOf(a)
	if err != nil {
		return err
	}
	return tree.Checkout(ctx, env.Bucket, d, dir)
}

// checkout writes the files of an artefact to where this machine keeps them, under the artefact's name.
func checkout(ctx context.Context, env workflows.Env, a workflows.Artefact) (dir string, err error) {
	name, d, err := treeOf(a)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(env.Scratch, "trees", d.Short(), name)
	return dir, tree.Checkout(ctx, env.Bucket, d, dir)
}

// intact checks the files of the outputs, and that a dataset is what it was.
func intact(ctx context.Context, env workflows.Env, _ workflows.Task, r workflows.Result) error {
	for _, a := range r.Outputs {
		var err error
		switch a.Type {
		case workflows.Base, workflows.Documents, workflows.Adapter:
			var d cas.Digest
			if _, d, err = treeOf(a); err == nil {
				err = tree.Verify(ctx, env.Bucket, d)
			}
		case workflows.Dataset:
			err = intactDataset(ctx, env, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func intactDataset(ctx context.Context, env workflows.Env, a workflows.Artefact) error {
	h, err := home.Open(ctx, env.Home)
	if err != nil {
		return err
	}
	d, err := h.Datasets.Open(ctx, a.Ref)
	if err != nil {
		return err
	}
	if d.Manifest.Digest != a.Digest {
		return errors.New("the dataset is another one")
	}
	return d.Verify(ctx)
}

// adapterFiles is a directory without what training keeps beside the adapter: checkpoints and files
// that are not finished.
type adapterFiles struct{ fs.FS }

func openAdapterFiles(dir string) fs.FS { return adapterFiles{os.DirFS(dir)} }

// ReadDir implements fs.ReadDirFS.
func (f adapterFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() || strings.HasPrefix(e.Name(), ".") }), err
}
