package kinds

import (
	"context"
	"os"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/publication"
)

// PublishConfig says as what an adapter is published in the home's registry.
type PublishConfig struct {
	Name  string `yaml:"name"`
	Alias string `yaml:"alias"` // to point at the version; empty for none
	Why   string `yaml:"why"`   // for the alias's history
}

// Validate reports a name that an adapter cannot have.
func (c *PublishConfig) Validate() error {
	_, err := registry.ParseRef(c.Name + "@1")
	return err
}

// Published is a version in the registry.
type Published struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
	Files  int    `json:"files"`
}

func publishAdapter() workflows.Kind {
	return workflows.Kind{
		Name: "publish", Version: 1, Config: func() any { return &PublishConfig{} },
		Inputs:  []workflows.Port{{Name: "adapter", Type: workflows.Adapter}},
		Outputs: []workflows.Port{{Name: "version", Type: workflows.Version}},
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			dir, err := checkout(ctx, env, t.Inputs["adapter"])
			if err != nil {
				return workflows.Result{}, err
			}
			c := t.Config.(*PublishConfig)
			r, err := publication.Publish(ctx, publication.PublishOptions{
				Home: env.Home, Dir: dir, Name: c.Name, Alias: c.Alias, Who: env.Who, Why: c.Why, Now: env.Now(),
			})
			if err != nil {
				return workflows.Result{}, err
			}
			m := r.Manifest
			ref := m.Ref().String()
			version := workflows.Artefact{Type: workflows.Version, Ref: ref, Digest: m.Digest}
			return facts("version", version, Published{ref, m.Digest, m.Size(), len(m.Files)})
		},
		Intact: func(ctx context.Context, env workflows.Env, t workflows.Task, r workflows.Result) error {
			v := r.Outputs["version"]
			return publication.CheckPublished(ctx, env.Home, v.Ref, t.Config.(*PublishConfig).Alias, v.Digest)
		},
	}
}

func pull() workflows.Kind {
	return workflows.Kind{
		Name: "pull", Version: 1, Config: noConfig,
		Inputs:  []workflows.Port{{Name: "version", Type: workflows.Version}},
		Outputs: []workflows.Port{{Name: "adapter", Type: workflows.Adapter}},
		Intact:  intact,
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			dir := env.WorkDir(t)
			if err := os.RemoveAll(dir); err != nil { // of a pull that was killed
				return workflows.Result{}, err
			}
			if _, err := publication.Pull(ctx, publication.PullOptions{Home: env.Home, Ref: t.Inputs["version"].Ref, Out: dir}); err != nil {
				return workflows.Result{}, err
			}
			a, err := peft.Read(dir)
			if err != nil {
				return workflows.Result{}, err
			}
			out, err := put(ctx, env, workflows.Adapter, "pulled", peft.Digest(a), openAdapterFiles(dir))
			return workflows.Result{Outputs: workflows.Artefacts{"adapter": out}}, err
		},
	}
}

// Publishing is a publication of a directory.
func Publishing() workflows.Work[publication.PublishOptions, publication.Result] {
	return workflows.Work[publication.PublishOptions, publication.Result]{
		Name: "publish", Do: publication.Publish,
		Config: func(o publication.PublishOptions) any {
			return map[string]any{"name": o.Name, "version": o.Version, "alias": o.Alias, "to": o.Store}
		},
		Tell: func(o publication.PublishOptions, r publication.Result) (used, made []workflows.Artefact) {
			return one(workflows.Adapter, o.Dir, r.AdapterDigest), one(workflows.Version, r.Manifest.Ref().String(), r.Manifest.Digest)
		},
	}
}

// Pulling is a pull into a directory.
func Pulling() workflows.Work[publication.PullOptions, publication.Result] {
	return workflows.Work[publication.PullOptions, publication.Result]{
		Name: "pull", Do: publication.Pull, Config: func(o publication.PullOptions) any { return map[string]any{"from": o.Store} },
		Tell: func(o publication.PullOptions, r publication.Result) (used, made []workflows.Artefact) {
			return one(workflows.Version, r.Manifest.Ref().String(), r.Manifest.Digest), one(workflows.Adapter, o.Out, r.AdapterDigest)
		},
	}
}
