package redact

import (
	"encoding/json"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

type labelled struct {
	Text  string `json:"full_text"`
	Spans []struct {
		Type  string `json:"entity_type"`
		Start int64  `json:"start_position"`
		End   int64  `json:"end_position"`
	} `json:"spans"`
}

// score counts a finding as right when it overlaps a label of its entity.
type score struct{ labels, hit, found, right int }

func (s score) recall() float64    { return float64(s.hit) / float64(max(s.labels, 1)) }
func (s score) precision() float64 { return float64(s.right) / float64(max(s.found, 1)) }

// Labels of the generated corpus of Presidio Research. It holds no IBAN.
func TestLabelledCorpus(t *testing.T) {
	var texts []labelled
	if err := json.Unmarshal(testkit.Read(t, testkit.Shared(t, "real", "pii", "generated_small.json")), &texts); err != nil {
		t.Fatal(err)
	}
	entity := map[string]string{"EMAIL_ADDRESS": Email, "PHONE_NUMBER": Phone, "CREDIT_CARD": Card, "IBAN_CODE": IBAN, "US_SSN": SSN}
	scores := map[string]*score{Email: {}, Phone: {}, Card: {}, IBAN: {}, SSN: {}, Secret: {}}
	r := New(DefaultConfig())
	for _, text := range texts {
		_, found := r.Redact(text.Text)
		for _, f := range found {
			scores[f.Entity].found++
		}
		hit := map[int]bool{}
		for _, label := range text.Spans {
			s := scores[entity[label.Type]]
			if s == nil {
				continue
			}
			s.labels++
			before := len(hit)
			for i, f := range found {
				if f.Entity == entity[label.Type] && f.Start < label.End && f.End > label.Start {
					hit[i] = true
				}
			}
			if len(hit) > before {
				s.hit++
			}
		}
		for i := range hit {
			scores[found[i].Entity].right++
		}
	}
	for e, s := range scores {
		t.Logf("%-6s recall %d/%d = %.2f  precision %d/%d = %.2f", e, s.hit, s.labels, s.recall(), s.right, s.found, s.precision())
		if s.labels > 0 && s.recall() < 0.9 || s.found > 0 && s.precision() < 0.9 {
			t.Errorf("%s: below 0.9", e)
		}
	}
}
