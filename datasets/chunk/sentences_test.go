package chunk

import (
	"fmt"
	"testing"
)

func TestSentences(t *testing.T) {
	text := "# Prices é\n\nA price is 3.14 euros. It holds\nfor a year!\n\n## Lists\n\n- First thing. Second thing.\n- [ ] A box\n12. A number\n\n| a | b |\n| - | - |\n| c. | d. |\n\n```\nNo. Code.\n```\n\nLast"
	want := []struct {
		text string
		path string
	}{
		{"A price is 3.14 euros.", "[Prices é]"}, {"It holds\nfor a year!", "[Prices é]"}, {"First thing.", "[Prices é Lists]"},
		{"Second thing.", "[Prices é Lists]"}, {"A box", "[Prices é Lists]"}, {"A number", "[Prices é Lists]"}, {"Last", "[Prices é Lists]"},
	}
	got := Sentences(text)
	if len(got) != len(want) {
		t.Fatalf("%d sentences, want %d: %+v", len(got), len(want), got)
	}
	for i, s := range got {
		if s.Text != want[i].text || fmt.Sprint(s.Headings) != want[i].path {
			t.Errorf("sentence %d is %q below %v, want %q below %s", i, s.Text, s.Headings, want[i].text, want[i].path)
		}
		if span := string([]rune(text)[s.Start:s.End]); span != s.Text {
			t.Errorf("sentence %d is said to be %q, but is %q", i, span, s.Text)
		}
	}
}
