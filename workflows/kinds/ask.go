package kinds

import (
	"context"

	"github.com/cultivar/cultivar/internal/embedded/documents"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/generation"
	"github.com/cultivar/cultivar/workflows/models"
)

// Answers are what base and adapter say to the same question, which is that of the sample documents:
// a workflow is kept in history, where no prompt of anybody's belongs.
type Answers struct {
	Question string `json:"question"`
	Base     string `json:"base"`
	Adapter  string `json:"adapter"`
}

func ask() workflows.Kind {
	return workflows.Kind{
		Name: "ask", Version: 1, Config: noConfig,
		Inputs:  []workflows.Port{{Name: "base", Type: workflows.Base}, {Name: "adapter", Type: workflows.Adapter}},
		Outputs: []workflows.Port{{Name: "report", Type: workflows.Report}},
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			base, adapter, err := baseAndAdapter(ctx, env, t)
			if err != nil {
				return workflows.Result{}, err
			}
			a := Answers{Question: documents.Question}
			if a.Base, err = answer(ctx, env, base, ""); err != nil {
				return workflows.Result{}, err
			}
			if a.Adapter, err = answer(ctx, env, base, adapter); err != nil {
				return workflows.Result{}, err
			}
			return facts("report", workflows.Artefact{Type: workflows.Report, Ref: "answers"}, a)
		},
	}
}

// answer asks in the form in which the documents ask and answer.
func answer(ctx context.Context, env workflows.Env, base, adapter string) (string, error) {
	answers, err := generation.Generate(ctx, generation.Options{
		Base: base, AdapterRef: models.AdapterRef{Adapter: adapter}, Prompts: []string{"**Q: " + documents.Question + "**\n\nA:"},
		Options: generate.Options{MaxNewTokens: 60}, StopTexts: []string{"\n"}, Now: env.Now(),
	})
	if err != nil {
		return "", err
	}
	return answers[0].Text, nil
}
