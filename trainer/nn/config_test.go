package nn

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases"
)

func TestReadMultipliers(t *testing.T) {
	for _, tt := range []struct {
		keys string
		want Multipliers
		err  string
	}{
		{``, Multipliers{1, 1, 1, 1}, ""},
		{`,"embedding_multiplier":12,"attention_multiplier":0.5,"residual_multiplier":0.25,"logits_scaling":8`, Multipliers{12, 0.5, 0.25, 0.125}, ""},
		{`,"residual_multiplier":0`, Multipliers{1, 1, 0, 1}, ""},
		{`,"embedding_multiplier":0`, Multipliers{}, "embedding_multiplier is 0"},
		{`,"residual_multiplier":"x"`, Multipliers{}, "residual_multiplier"},
		{`,"attention_multiplier":-1`, Multipliers{}, "comes out as -1"},
		{`,"logits_scaling":0`, Multipliers{}, "comes out as +Inf"},
	} {
		c, err := bases.ParseConfig([]byte(`{"hidden_size":32,"intermediate_size":8,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":9`+tt.keys+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadMultipliers(c)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: error is %v, want %q", tt.keys, err, tt.err)
		}
		if got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.keys, got, tt.want)
		}
	}
}
