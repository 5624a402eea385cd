package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/ops"
)

// of makes the configuration of a kind of rope for heads of 8.
func of(t *testing.T, kind string, s scaling) ops.RopeConfig {
	t.Helper()
	s.Type = kind
	var cfg ops.RopeConfig
	cfg.Scale = 1
	if err := scaleRope(&cfg, s); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return cfg
}

// TestFrequencies holds the kinds to numbers of transformers 5.23 for heads of 8 and a base of 10000.
func TestFrequencies(t *testing.T) {
	plain := scaling{Rope: bases.Rope{Theta: 10000, Truncate: true}, dim: 8, maxPositions: 64}
	with := func(change func(*scaling)) scaling {
		s := plain
		change(&s)
		return s
	}
	for _, tt := range []struct {
		kind   string
		s      scaling
		length int
		want   []float64
		scale  float64
	}{
		{"default", plain, 1, []float64{1, 0.1, 0.01, 0.001}, 1},
		{"linear", with(func(s *scaling) { s.Factor = 4 }), 1, []float64{0.25, 0.025, 0.0025, 0.00025}, 1},
		{"dynamic", with(func(s *scaling) { s.Factor = 2 }), 64, []float64{1, 0.1, 0.01, 0.001}, 1},
		// base 10000·(2·128/64 − 1)^(8/6) = 43267.487
		{"dynamic", with(func(s *scaling) { s.Factor = 2 }), 128, []float64{1, 0.0693361238, 0.00480749831, 0.000333333330}, 1},
		{"llama3", with(func(s *scaling) {
			s.Factor, s.LowFreqFactor, s.HighFreqFactor, s.OriginalMaxPositionEmbeddings = 8, 1, 4, 64
		}), 1, []float64{1, 0.0130422562, 0.00125, 0.000125}, 1},
		{"longrope", with(func(s *scaling) {
			s.ShortFactor, s.LongFactor, s.OriginalMaxPositionEmbeddings = []float64{1, 1, 2, 2}, []float64{1, 2, 4, 8}, 16
		}), 16, []float64{1, 0.1, 0.005, 0.0005}, math.Sqrt(1.5)},
		{"longrope", with(func(s *scaling) {
			s.ShortFactor, s.LongFactor, s.OriginalMaxPositionEmbeddings = []float64{1, 1, 2, 2}, []float64{1, 2, 4, 8}, 16
		}), 17, []float64{1, 0.05, 0.0025, 0.000125}, math.Sqrt(1.5)},
		{"yarn", with(func(s *scaling) { s.Factor, s.OriginalMaxPositionEmbeddings = 4, 2048 }), 1, []float64{1, 0.1, 0.00625, 0.00025}, 1.138629436111989},
		{"yarn", with(func(s *scaling) {
			s.Factor, s.OriginalMaxPositionEmbeddings, s.Truncate, s.MScale, s.MScaleAllDim = 4, 2048, false, 0.7, 0.4
		}), 1, []float64{1, 0.1, 0.00505697168, 0.00025}, 1.0394038191422568},
	} {
		cfg := of(t, tt.kind, tt.s)
		for i, f := range cfg.Frequencies(tt.length) {
			if math.Abs(f-tt.want[i]) > 3e-7*tt.want[i] {
				t.Errorf("%s at %d: frequency %d is %.8g, want %.8g", tt.kind, tt.length, i, f, tt.want[i])
			}
		}
		if math.Abs(cfg.Scale-tt.scale) > 1e-12 {
			t.Errorf("%s: scale %g, want %g", tt.kind, cfg.Scale, tt.scale)
		}
	}
}

func TestRopeRefuses(t *testing.T) {
	for _, tt := range []struct{ more, want string }{
		{`"rope_theta":10000,"rope_scaling":{"rope_type":"proportional"}`, `rope_type "proportional" is not supported (supported: default, linear, dynamic, yarn, longrope, llama3)`},
		{`"rope_scaling":{"rope_type":"linear"}`, "rope_type linear needs factor"},
		{`"rope_scaling":{"rope_type":"dynamic","factor":2}`, "needs max_position_embeddings"},
		{`"rope_scaling":{"rope_type":"dynamic","factor":0.5},"max_position_embeddings":8`, "factor of 1 at least"},
		{`"rope_scaling":{"rope_type":"yarn","factor":2}`, "needs original_max_position_embeddings"},
		{`"rope_scaling":{"rope_type":"llama3","factor":2,"high_freq_factor":4},"max_position_embeddings":8`, "needs low_freq_factor"},
		{`"rope_scaling":{"rope_type":"longrope","short_factor":[1],"long_factor":[1]},"max_position_embeddings":8`, "1 short and 1 long factors for 4 pairs"},
		{`"rope_scaling":{"rope_type":"longrope","short_factor":[1,1,1,1],"long_factor":[1,1,1,1]}`, "needs original_max_position_embeddings"},
		{`"partial_rotary_factor":0.5`, "partial_rotary_factor 0.5 is not supported"},
		{`"rope_theta":1e-200`, "frequency 1 comes out as"},
		{`"rope_parameters":{"rope_type":"default","llama_4_scaling_beta":0.1,"original_max_position_embeddings":8}`, "llama_4_scaling_beta"},
	} {
		c, err := bases.ParseConfig([]byte(`{"hidden_size":32,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":4,"vocab_size":9,`+tt.more+`}`), nil)
		if err != nil {
			t.Fatalf("%s: %v", tt.more, err)
		}
		if _, err := Rope(c, c.Rope); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", tt.more, err, tt.want)
		}
	}
}

func TestWindowsRefuse(t *testing.T) {
	parse := func(more string) *bases.Config {
		c, err := bases.ParseConfig([]byte(`{"hidden_size":32,"intermediate_size":8,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":9`+more+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct{ more, want string }{
		{`,"layer_types":["chunked_attention","full_attention"]`, `layer_types[0] "chunked_attention" is not supported`},
		{`,"layer_types":["sliding_attention","full_attention"]`, "need a sliding_window"},
		{`,"sliding_window":4,"layer_types":["sliding_attention","full_attention"]`, "layer_types with full_attention and a sliding_window"},
	} {
		c := parse(tt.more)
		if _, err := OneWindow(c, Attention(c)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", tt.more, err, tt.want)
		}
	}
	if _, _, err := UpperWindows(parse(`,"sliding_window":4,"layer_types":["sliding_attention","full_attention"]`)); err == nil {
		t.Error("windows without use_sliding_window are taken")
	}
	kinds, of, err := UpperWindows(parse(`,"sliding_window":4,"use_sliding_window":true,"max_window_layers":1`))
	if err != nil || len(kinds) != 2 || kinds[of(0)] != FullAttention || kinds[of(1)] != SlidingAttention {
		t.Errorf("kinds %v (%v)", kinds, err)
	}
}
