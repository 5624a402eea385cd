package packed

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// The tensors beside a weight of bitsandbytes: those of 4 bits follow NAME.weight
// (bitsandbytes/functional.py, QuantState.as_dict), those of 8 bits NAME (nn/modules.py, Linear8bitLt).
const (
	weightSuffix   = ".weight"
	stateInfix     = ".quant_state.bitsandbytes__" // and the type
	absmaxSuffix   = ".absmax"
	mapSuffix      = ".quant_map"
	nestedAbsmax   = ".nested_absmax"
	nestedMap      = ".nested_quant_map"
	scaleSuffix    = ".SCB"
	layoutSuffix   = ".weight_format"
	maxStateLength = 1 << 16 // bytes of JSON; written ones have 200
)

// bitsandbytesWeights finds 4-bit and 8-bit weights. What modules are quantised the tensors say by
// themselves, so that the configuration is not needed for it.
func bitsandbytesWeights(_ *keys.Keys, p parts) (map[string]entry, map[string]bool, error) {
	weights, hidden := map[string]entry{}, map[string]bool{}
	for _, state := range p.w.Tensors() {
		if weight, kind, ok := strings.Cut(state, stateInfix); ok {
			format, err := quant.Parse(kind)
			if err != nil || quant.FourBitValues(format) == nil {
				return nil, nil, fmt.Errorf("tensor %q: type %.40q is not supported (supported: fp4, nf4)", state, kind)
			}
			if _, twice := weights[weight]; twice {
				return nil, nil, fmt.Errorf("tensor %q: the weight has another type as well", state)
			}
			weights[weight] = entry{packed: weight, open: func() (*quant.Tensor, error) { return p.fourBit(weight, state, format) }}
			for _, s := range []string{absmaxSuffix, mapSuffix, nestedAbsmax, nestedMap, stateInfix + kind} {
				hidden[weight+s] = true
			}
		}
		if module, ok := strings.CutSuffix(state, scaleSuffix); ok {
			weight := module + weightSuffix
			weights[weight] = entry{packed: weight, open: func() (*quant.Tensor, error) { return p.rowInt8(module) }}
			hidden[module+scaleSuffix], hidden[module+layoutSuffix] = true, true
		}
	}
	return weights, hidden, nil
}

// fourBitState is the JSON beside a 4-bit weight. The dtype that weights are widened to is not read:
// it is float32 here.
type fourBitState struct {
	QuantType       string   `json:"quant_type"`
	Blocksize       int      `json:"blocksize"`
	Shape           []int    `json:"shape"`
	NestedBlocksize int      `json:"nested_blocksize"`
	NestedOffset    *float64 `json:"nested_offset"` // nil: the scales are plain
}

func (p parts) fourBit(weight, state string, format quant.Format) (*quant.Tensor, error) {
	about, err := p.state(state, format)
	if err != nil {
		return nil, err
	}
	packed, ok := p.w.Tensor(weight)
	if !ok {
		return nil, fmt.Errorf("%w: tensor %q", errNoPart, weight)
	}
	if err := p.checkMap(weight+mapSuffix, format); err != nil {
		return nil, err
	}
	q := quant.FourBit{Format: format, Rows: about.Shape[0], Cols: about.Shape[1], Block: about.Blocksize, Packed: packed.Data}
	if about.NestedOffset != nil {
		q.Nested, err = p.nested(weight, about)
	} else {
		q.Absmax, err = p.vector(weight + absmaxSuffix)
	}
	if err != nil {
		return nil, err
	}
	t, err := q.Tensor()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", weight, err)
	}
	return t, nil
}

// state reads the JSON beside a weight.
func (p parts) state(name string, format quant.Format) (fourBitState, error) {
	var about fourBitState
	t, err := p.get(name, 1, safetensors.U8)
	if err != nil {
		return about, err
	}
	if len(t.Data) > maxStateLength {
		return about, fmt.Errorf("tensor %q: longer than %d bytes", name, maxStateLength)
	}
	if err := json.Unmarshal(t.Data, &about); err != nil {
		return about, fmt.Errorf("tensor %q: not the JSON of a quantisation state", name)
	}
	if !strings.EqualFold(about.QuantType, format.String()) {
		return about, fmt.Errorf("tensor %q: quant_type is %.40q", name, about.QuantType)
	}
	if len(about.Shape) != 2 {
		return about, fmt.Errorf("tensor %q: the weight has %d dimensions, want 2", name, len(about.Shape))
	}
	return about, nil
}

// checkMap refuses a table that is not the format's own. bitsandbytes computes with its own and does
// not read the file's, which is off by a rounding at most.
func (p parts) checkMap(name string, format quant.Format) error {
	got, err := p.vector(name)
	if err != nil {
		return err
	}
	want := quant.FourBitValues(format)
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = math.Abs(float64(got[i]-want[i])) <= 1e-6
	}
	if !same {
		return fmt.Errorf("tensor %q is not the table of %v", name, format)
	}
	return nil
}

func (p parts) nested(weight string, about fourBitState) (*quant.Nested, error) {
	codes, err := p.get(weight+absmaxSuffix, 1, safetensors.U8)
	if err != nil {
		return nil, err
	}
	values, err1 := p.vector(weight + nestedMap)
	absmax, err2 := p.vector(weight + nestedAbsmax)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &quant.Nested{
		Codes: codes.Data, Map: values, Absmax: absmax, Block: about.NestedBlocksize, Offset: float32(*about.NestedOffset),
	}, nil
}

func (p parts) rowInt8(module string) (*quant.Tensor, error) {
	codes, err := p.get(module+weightSuffix, 2, "I8")
	if err != nil {
		return nil, err
	}
	scale, err := p.vector(module + scaleSuffix)
	if err != nil {
		return nil, err
	}
	// 0 is "row"; others are layouts of GPUs, which bitsandbytes no longer reads either.
	if t, ok := p.w.Tensor(module + layoutSuffix); ok && (len(t.Data) == 0 || t.Data[0] != 0) {
		return nil, fmt.Errorf("tensor %q: the weight is not stored by rows", t.Name)
	}
	q, err := quant.RowInt8{Rows: codes.Shape[0], Cols: codes.Shape[1], Codes: codes.Data, Scale: scale}.Tensor()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", codes.Name, err)
	}
	return q, nil
}
