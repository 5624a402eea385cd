package examples

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

type letters struct{}

func (letters) EncodeAll(texts []string, special bool) (all [][]int32) {
	for _, text := range texts {
		var ids []int32
		if special {
			ids = append(ids, 0)
		}
		for _, c := range text {
			ids = append(ids, int32(c))
		}
		all = append(all, ids)
	}
	return all
}

func TestEncode(t *testing.T) {
	eos := int32(9)
	e := Encoder{Tokenizer: letters{}, EOS: &eos}
	rows, err := e.Encode([]datasets.Example{{ExampleID: "x", DocID: "d", Text: "A"}})
	if err != nil || !slices.Equal(rows[0].IDs, []int32{0, 'A', 9}) || rows[0].Trained != nil || rows[0].Source.DocID != "d" {
		t.Errorf("got %+v, %v", rows, err)
	}
	_, err = e.Encode([]datasets.Example{{ExampleID: "y", Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}}}})
	if !errors.Is(err, ErrNoTemplate) || !strings.Contains(err.Error(), "y") {
		t.Errorf("error is %v", err)
	}
	e.Chat = func([]datasets.Message) ([]int32, []bool, error) { return []int32{1, 2}, []bool{false, true}, nil }
	rows, err = e.Encode([]datasets.Example{{Text: "A"}, {Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}}}, {Text: "B"}})
	if err != nil || !slices.Equal(rows[1].Trained, []bool{false, true}) || !slices.Equal(rows[2].IDs, []int32{0, 'B', 9}) {
		t.Errorf("got %+v, %v", rows, err)
	}
	if _, err = e.Encode([]datasets.Example{{ExampleID: "z", Conversation: datasets.Conversation{Chosen: []datasets.Message{{}}}}}); err == nil || !strings.Contains(err.Error(), "z: is a pair") {
		t.Errorf("error is %v", err)
	}
}
