package training

import (
	"context"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/models"
	"github.com/cultivar/cultivar/workflows/reports"
)

// How samples are bounded. A token that is generated reads all weights, as a batch of dozens does in training:
// that many trained tokens for one keep samples at a few per cent of the run, whatever the base.
const (
	sampleTokens    = 48  // of an answer, at most
	samplePrompt    = 128 // tokens of a prompt, at most
	sampleOpening   = 32  // tokens of a text that are its prompt, or half of a shorter one
	sampleTrainedBy = 100 // tokens that were trained for one that is generated
)

// opening is a held-out row as a prompt: up to where the answer begins, or the first words of a text.
type opening struct {
	row     pack.Row
	prompt  []int32
	written []int32 // how the row goes on
}

// openRow finds the prompt of a row; it has none where nothing or too much comes before the answer.
func openRow(row pack.Row) (opening, bool) {
	at, end := min(sampleOpening, len(row.IDs)/2), len(row.IDs)
	if row.Trained != nil {
		at = 0
		for at < end && !row.Trained[at] {
			at++
		}
		for i := at; i < end; i++ {
			if !row.Trained[i] {
				end = i
			}
		}
	}
	if at < 1 || at <= row.Begin || at > samplePrompt || at >= end {
		return opening{}, false
	}
	return opening{row, row.IDs[:at], row.IDs[at:min(end, at+sampleTokens)]}, true
}

// openings picks rows for samples, from all over the held-out ones.
func (s *session) openings(n int) []opening {
	var fit, list []opening
	seen := map[string]bool{}
	for _, row := range s.held {
		key := fmt.Sprint(row.Source.DocID, row.Source.ExampleID)
		if o, ok := openRow(row); ok && !seen[key] {
			seen[key] = true
			fit = append(fit, o)
		}
	}
	n = min(n, len(fit))
	for i := range n {
		list = append(list, fit[i*len(fit)/n])
	}
	return list
}

// samples lets the base alone and the base with the adapter go on from a few held-out rows; without any,
// it says why.
func (s *session) samples(ctx context.Context, trained int64) (list []reports.Sample, why string, err error) {
	rows := s.openings(s.Config.ReportSamples)
	least := int64(len(rows)) * 2 * sampleTokens * sampleTrainedBy
	switch {
	case s.Config.ReportSamples == 0:
		return nil, "report_samples is 0.", nil
	case len(s.held) == 0:
		return nil, "no rows were held out.", nil
	case len(rows) == 0:
		return nil, fmt.Sprintf("no held-out row has a prompt of 1 to %d tokens.", samplePrompt), nil
	case trained < least:
		return nil, fmt.Sprintf("they are taken of runs over at least %s tokens, where they cost little, and this one had %s.",
			humanize.Comma(least), humanize.Comma(trained)), nil
	}
	alone, err := s.base.Model(ctx, models.AdapterRef{})
	if err != nil {
		return nil, "", err
	}
	before, err := s.answer(ctx, alone, rows)
	if err != nil {
		return nil, "", err
	}
	fitted, err := model.New(s.base.Config(), s.base.Weights, s.factors.Attachment())
	if err != nil {
		return nil, "", err
	}
	after, err := s.answer(ctx, fitted, rows)
	if err != nil {
		return nil, "", err
	}
	for i, o := range rows {
		// The tokens of a template are what a conversation looks like; those that only begin a text are not shown.
		prompt := s.base.Tokenizer.Decode(o.prompt, o.row.Trained == nil)
		sample := reports.Sample{Name: o.row.Source.ExampleID, Prompt: strings.TrimSpace(prompt)}
		before[i].By, after[i].By = "base", "with the adapter"
		written := reports.Answer{By: "as written", Text: s.base.Tokenizer.Decode(o.written, true), Short: len(o.written) == sampleTokens}
		sample.Answers = []reports.Answer{before[i], after[i], written}
		list = append(list, sample)
	}
	return list, "", nil
}

// answer goes on from all prompts side by side, greedily.
func (s *session) answer(ctx context.Context, m *model.Model, rows []opening) ([]reports.Answer, error) {
	prompts, ids := make([][]int32, len(rows)), make([][]int32, len(rows))
	for i, o := range rows {
		prompts[i] = o.prompt
	}
	o := generate.Options{MaxNewTokens: sampleTokens, Stop: s.base.Stop()}
	err := generate.All(ctx, m.NewBatch(generate.Size(len(rows))), prompts, o, func(i int, id int32) bool {
		ids[i] = append(ids[i], id)
		return true
	})
	list := make([]reports.Answer, len(rows))
	for i := range list {
		list[i] = reports.Answer{Text: s.base.Tokenizer.Decode(ids[i], true), Short: len(ids[i]) == sampleTokens}
	}
	return list, err
}
