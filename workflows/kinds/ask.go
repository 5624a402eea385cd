package kinds

import (
	"context"

	"github.com/cultivar/cultivar/internal/embedded/documents"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/generation"
	"github.com/cultivar/cultivar/workflows/models"
)

// Answers are what base and adapter say to the same questions, which are about the sample documents:
// a workflow is kept in history, where no prompt of anybody's belongs.
type Answers struct {
	Questions []Answered `json:"questions"`
}

// Answered is a question with what was said to it.
type Answered struct {
	Question  string `json:"question"`
	Prompt    string `json:"prompt"`    // as it was sent
	Documents string `json:"documents"` // what the documents answer; "" where they do not
	Base      string `json:"base"`
	Adapter   string `json:"adapter"`
}

func ask() workflows.Kind {
	return workflows.Kind{
		Name: "ask", Version: 2, Config: noConfig,
		Inputs:  []workflows.Port{{Name: "base", Type: workflows.Base}, {Name: "adapter", Type: workflows.Adapter}},
		Outputs: []workflows.Port{{Name: "report", Type: workflows.Report}},
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			base, adapter, err := baseAndAdapter(ctx, env, t)
			if err != nil {
				return workflows.Result{}, err
			}
			a := Answers{Questions: questions()}
			before, err := answers(ctx, env, base, "", a.Questions)
			if err != nil {
				return workflows.Result{}, err
			}
			after, err := answers(ctx, env, base, adapter, a.Questions)
			if err != nil {
				return workflows.Result{}, err
			}
			for i := range a.Questions {
				a.Questions[i].Base, a.Questions[i].Adapter = before[i].Text, after[i].Text
			}
			return facts("report", workflows.Artefact{Type: workflows.Report, Ref: "answers"}, a)
		},
	}
}

// questions are those that the documents answer and one that they do not, each as the documents ask.
func questions() []Answered {
	var list []Answered
	for _, f := range documents.Asked() {
		list = append(list, Answered{Question: f.Question, Documents: f.Answer})
	}
	list = append(list, Answered{Question: documents.Unanswered})
	for i := range list {
		list[i].Prompt = "**Q: " + list[i].Question + "**\n\nA:"
	}
	return list
}

// answers are greedy, up to the end of the line.
func answers(ctx context.Context, env workflows.Env, base, adapter string, questions []Answered) ([]generation.Answer, error) {
	o := generation.Options{
		Base: base, AdapterRef: models.AdapterRef{Adapter: adapter},
		Options: generate.Options{MaxNewTokens: 60}, StopTexts: []string{"\n"}, Now: env.Now(),
	}
	for _, q := range questions {
		o.Prompts = append(o.Prompts, q.Prompt)
	}
	return generation.Generate(ctx, o)
}
