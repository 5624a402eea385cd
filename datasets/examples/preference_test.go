package examples

import (
	"reflect"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

func TestPairs(t *testing.T) {
	e := Encoder{Answer: func(p []datasets.Message, a string) ([]int32, []int32, error) {
		return []int32{1, 2}, []int32{int32(a[0])}, nil
	}}
	rows, err := e.EncodePairs([]datasets.Example{{ExampleID: "x", Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}, Chosen: []datasets.Message{{Content: "a"}}, Rejected: []datasets.Message{{Content: "b"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int32{{1, 2, 'a'}, {1, 2, 'b'}} {
		if !reflect.DeepEqual(rows[i].IDs, want) || !reflect.DeepEqual(rows[i].Trained, []bool{false, false, true}) {
			t.Errorf("row %d is %+v", i, rows[i])
		}
	}
}
