package bases

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// checkpoint is a base that is still to be written.
type checkpoint struct {
	about   string // quantization_config
	entries []safetensors.Entry
}

func (c *checkpoint) add(name, dtype string, shape []int, data []byte) {
	c.entries = append(c.entries, safetensors.Entry{Name: name, DType: dtype, Shape: shape, Data: data})
}

func (c *checkpoint) f32(name string, values []float32) {
	c.entries = append(c.entries, safetensors.F32Entry(name, []int{len(values)}, values))
}

// at is the entry of that name.
func (c *checkpoint) at(t *testing.T, name string) *safetensors.Entry {
	t.Helper()
	i := slices.IndexFunc(c.entries, func(e safetensors.Entry) bool { return e.Name == name })
	if i < 0 {
		t.Fatalf("no entry %q", name)
	}
	return &c.entries[i]
}

func (c *checkpoint) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, configName, string(minimal(`,"quantization_config":`+c.about)))
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, c.entries); err != nil {
		t.Fatal(err)
	}
	return dir
}

const module = "model.layers.0.mlp.up_proj"

// fourBitCheckpoint is a weight of 6 × 33 in NF4, whose scales are nested.
func fourBitCheckpoint(t testing.TB) (*checkpoint, []float32) {
	t.Helper()
	w := ramp(6 * 33)
	q, err := quant.Quantise4Bit(quant.NF4, 6, 33, 32, true, func(dst []float32, at int) { copy(dst, w[at:]) })
	if err != nil {
		t.Fatal(err)
	}
	c := &checkpoint{about: `{"quant_method":"bitsandbytes","load_in_4bit":true}`}
	c.add(module+".weight", "U8", []int{len(q.Packed), 1}, q.Packed)
	c.add(module+".weight.absmax", "U8", []int{len(q.Nested.Codes)}, q.Nested.Codes)
	c.f32(module+".weight.quant_map", quant.FourBitValues(quant.NF4))
	c.f32(module+".weight.nested_quant_map", q.Nested.Map)
	c.f32(module+".weight.nested_absmax", q.Nested.Absmax)
	state := []byte(`{"quant_type":"nf4","blocksize":32,"dtype":"bfloat16","shape":[6,33],"nested_blocksize":256,"nested_offset":` +
		jsonNumber(q.Nested.Offset) + `}`)
	c.add(module+".weight.quant_state.bitsandbytes__nf4", "U8", []int{len(state)}, state)
	c.add("plain", "F32", []int{1}, make([]byte, 4))
	tensor, err := q.Tensor()
	if err != nil {
		t.Fatal(err)
	}
	return c, widened(View{Quant: tensor, Shape: []int{6, 33}})
}

// int8Checkpoint is a weight of 2 × 3.
func int8Checkpoint(testing.TB) (*checkpoint, []float32) {
	c := &checkpoint{about: `{"load_in_8bit":true}`}
	c.add(module+".weight", "I8", []int{2, 3}, []byte{127, 0, 0x81, 0, 127, 0})
	c.f32(module+".SCB", []float32{2, 4})
	c.add(module+".weight_format", "U8", nil, []byte{0})
	c.add("plain", "F32", []int{1}, make([]byte, 4))
	one := float32(127 * 7.874015718698502e-3)
	return c, []float32{2 * one, 0, -2 * one, 0, 4 * one, 0}
}

// words is 32-bit words, of which all have the value w.
func words(n int, w uint32) []byte {
	b := make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(b[4*i:], w)
	}
	return b
}

// halves is n times 0.5 as float16.
func halves(n int) []byte {
	b := make([]byte, 2*n)
	for i := range n {
		b[2*i+1] = 0x38
	}
	return b
}

// gptqCheckpoint is 8 × 16 codes of 5, less the zero point 3, by a half.
func gptqCheckpoint(testing.TB) (*checkpoint, []float32) {
	c := &checkpoint{about: `{"quant_method":"gptq","bits":4,"group_size":8,"desc_act":true,"sym":false,"dynamic":{}}`}
	c.add(module+".qweight", "I32", []int{2, 8}, words(16, 0x55555555))
	c.add(module+".qzeros", "I32", []int{2, 1}, words(2, 0x22222222))
	c.add(module+".scales", "F16", []int{2, 8}, halves(16))
	c.add(module+".g_idx", "I32", []int{16}, words(16, 1))
	c.add("plain", "F32", []int{1}, make([]byte, 4))
	return c, slices.Repeat([]float32{1}, 8*16)
}

// awqCheckpoint is the same; its zero points are stored as they are.
func awqCheckpoint(testing.TB) (*checkpoint, []float32) {
	c := &checkpoint{about: `{"quant_method":"awq","bits":4,"group_size":-1,"version":"GEMM","zero_point":true}`}
	c.add(module+".qweight", "I32", []int{16, 1}, words(16, 0x55555555))
	c.add(module+".qzeros", "I32", []int{1, 1}, words(1, 0x33333333))
	c.add(module+".scales", "F16", []int{1, 8}, halves(8))
	c.add("plain", "F32", []int{1}, make([]byte, 4))
	return c, slices.Repeat([]float32{1}, 8*16)
}

// mxfp4Checkpoint is two matrices of 3 × 64, of which every block holds 1 and -3, times a power of two.
func mxfp4Checkpoint(testing.TB) (*checkpoint, []float32) {
	c := &checkpoint{about: `{"quant_method":"mxfp4","modules_to_not_convert":["model.layers.*.self_attn","lm_head"]}`}
	scales := make([]byte, 2*3*2)
	var want []float32
	for i := range scales {
		scales[i] = byte(120 + i)
		scale := float32(math.Ldexp(1, i-7))
		want = append(want, slices.Repeat([]float32{scale, -3 * scale}, 16)...)
	}
	c.add(module+".weight_blocks", "U8", []int{2, 3, 2, 16}, bytes.Repeat([]byte{0xd2}, 2*3*2*16))
	c.add(module+".weight_scales", "U8", []int{2, 3, 2}, scales)
	c.add("plain", "F32", []int{1}, make([]byte, 4))
	return c, want
}

func jsonNumber(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 64) }

func TestQuantisedCheckpoints(t *testing.T) {
	for name, make := range map[string]func(testing.TB) (*checkpoint, []float32){
		"nf4": fourBitCheckpoint, "int8": int8Checkpoint, "gptq": gptqCheckpoint, "awq": awqCheckpoint, "mxfp4": mxfp4Checkpoint,
	} {
		t.Run(name, func(t *testing.T) {
			c, want := make(t)
			b := mustOpen(t, c.write(t))
			weight := module + ".weight"
			if !slices.Equal(b.Tensors(), []string{weight, "plain"}) {
				t.Errorf("tensors are %v", b.Tensors())
			}
			for _, e := range c.entries {
				if visible := e.Name == weight || e.Name == "plain"; b.Has(e.Name) != visible {
					t.Errorf("has %s: %v", e.Name, !visible)
				}
			}
			v, err := b.Tensor(weight)
			if err != nil {
				t.Fatal(err)
			}
			if v.Quant == nil || v.F32 != nil || v.U16 != nil || (safetensors.Tensor{Shape: v.Shape}).Len() != len(want) {
				t.Fatalf("view is %+v", v)
			}
			if got := widened(v); !slices.Equal(got, want) {
				t.Errorf("weight is %v, want %v", got, want)
			}
			if raw, err := b.Raw(weight); err != nil || len(raw.Data) == 0 {
				t.Errorf("raw: %v, %v", raw, err)
			}
			if v, err := b.Tensor("plain"); err != nil || v.Quant != nil || len(v.F32) != 1 {
				t.Errorf("plain: %+v, %v", v, err)
			}
			if _, err := b.Digest(); err != nil {
				t.Error(err)
			}
		})
	}
}

// damage is a change to a checkpoint and what its weight, or opening it, then fails with.
type damage struct {
	change func(t *testing.T, c *checkpoint)
	want   string
}

func about(json string) func(*testing.T, *checkpoint) {
	return func(_ *testing.T, c *checkpoint) { c.about = json }
}

func without(suffix string) func(*testing.T, *checkpoint) {
	return func(_ *testing.T, c *checkpoint) {
		c.entries = slices.DeleteFunc(c.entries, func(e safetensors.Entry) bool { return e.Name == module+suffix })
	}
}

func with(suffix, dtype string, shape []int, data []byte) func(*testing.T, *checkpoint) {
	return func(t *testing.T, c *checkpoint) {
		e := c.at(t, module+suffix)
		e.DType, e.Shape, e.Data, e.Load = dtype, shape, data, nil
	}
}

func state(text string) func(*testing.T, *checkpoint) {
	return with(".weight.quant_state.bitsandbytes__nf4", "U8", []int{len(text)}, []byte(text))
}

func TestQuantisedCheckpointsAreChecked(t *testing.T) {
	checkDamage(t, fourBitCheckpoint, []damage{
		{about(`{"quant_method":"fp8"}`), `quant_method "fp8" is not supported (supported: awq, bitsandbytes, gptq, mxfp4)`},
		{about(`{}`), `quant_method "" is not supported`},
		{about(`[]`), "quantization_config: not a JSON object"},
		{about(`{"quant_method":"gptq"}`), "no weight is stored as gptq"},
		{without(".weight.absmax"), `part is missing: tensor "model.layers.0.mlp.up_proj.weight.absmax"`},
		{without(".weight.quant_map"), "weight.quant_map"},
		{without(".weight.nested_absmax"), "weight.nested_absmax"},
		{without(".weight"), "part is missing"},
		{with(".weight", "U8", []int{1, 1}, []byte{1}), "packed weight has 1 elements"},
		{with(".weight.quant_map", "F32", []int{16}, make([]byte, 64)), "is not the table of NF4"},
		{with(".weight.quant_map", "F32", []int{15}, make([]byte, 60)), "is not the table of NF4"},
		{with(".weight.quant_map", "F32", []int{4, 4}, make([]byte, 64)), "2 dimensions, want 1"},
		{with(".weight.absmax", "I8", []int{7}, make([]byte, 7)), "is I8, want U8"},
		{with(".weight.absmax", "U8", []int{6}, make([]byte, 6)), "absmax has 6 elements"},
		{state(`{"quant_type":"nf4"`), "not the JSON of a quantisation state"},
		{state(`{"quant_type":"fp4","shape":[6,33]}`), `quant_type is "fp4"`},
		{state(`{"quant_type":"nf4","shape":[198]}`), "1 dimensions, want 2"},
		{state(`{"quant_type":"nf4","blocksize":32,"shape":[-6,-33],"nested_blocksize":256,"nested_offset":1}`), "out of range"},
		{state(`{"quant_type":"nf4","blocksize":0,"shape":[6,33],"nested_blocksize":256,"nested_offset":1}`), "blocks of 0 elements"},
		{state(`{"quant_type":"nf4","blocksize":32,"shape":[6,33],"nested_blocksize":0,"nested_offset":1}`), "blocks of 0 scales"},
		{state(`{"quant_type":"nf4","blocksize":32,"shape":[6,33]}`), "is U8, want F32"},
		{func(t *testing.T, c *checkpoint) {
			c.at(t, module+".weight.quant_state.bitsandbytes__nf4").Name = module + ".weight.quant_state.bitsandbytes__int4"
		}, `type "int4" is not supported (supported: fp4, nf4)`},
		{func(_ *testing.T, c *checkpoint) {
			c.add(module+".weight.quant_state.bitsandbytes__fp4", "U8", []int{1}, []byte("{"))
		}, "another type as well"},
	})
	checkDamage(t, int8Checkpoint, []damage{
		{without(".weight"), "part is missing"},
		{with(".weight", "U8", []int{2, 3}, make([]byte, 6)), "is U8, want I8"},
		{with(".SCB", "F32", []int{3}, make([]byte, 12)), "scale of rows has 3"},
		{with(".weight_format", "U8", nil, []byte{1}), "not stored by rows"},
	})
	checkDamage(t, gptqCheckpoint, []damage{
		{about(`{"quant_method":"gptq","bits":5}`), "gptq of 5 bits"},
		{about(`{"quant_method":"gptq","bits":3,"group_size":8}`), "21 columns of 3 bits are no whole words"},
		{about(`{"quant_method":"gptq","bits":"4"}`), "bits"},
		{about(`{"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"}`), `checkpoint_format "marlin"`},
		{about(`{"quant_method":"gptq","bits":4,"is_marlin_format":true}`), "marlin"},
		{about(`{"quant_method":"gptq","bits":4,"dynamic":{"-:lm_head":{}}}`), "dynamic"},
		{about(`{"quant_method":"gptq","bits":4,"group_size":0}`), "group size 0"},
		{about(`{"quant_method":"gptq","bits":8,"group_size":8}`), "scales has 16 elements, the shape needs 8"},
		{without(".qzeros"), "part is missing"},
		{without(".g_idx"), "part is missing"},
		{with(".g_idx", "I32", []int{16}, words(16, 2)), "group 2 of 2"},
		{with(".g_idx", "I32", []int{15}, words(15, 0)), "g_idx has 15"},
		{with(".qweight", "U8", []int{2, 8}, make([]byte, 16)), "is U8, want I32"},
		{with(".qweight", "I32", []int{16}, words(16, 0)), "1 dimensions, want 2"},
		{with(".qweight", "I32", []int{0, 1 << 56}, nil), "rows of weights"},
		{with(".scales", "F16", []int{2, 16}, halves(32)), "rows of weights"},
	})
	checkDamage(t, awqCheckpoint, []damage{
		{about(`{"quant_method":"awq","bits":3}`), "awq of 3 bits"},
		{about(`{"quant_method":"awq","version":"gemv"}`), `version "gemv"`},
		{about(`{"quant_method":"awq","zero_point":false}`), "without zero points"},
		{about(`{"quant_method":"awq","zero_point":1}`), "zero_point"},
		{about(`{"quant_method":"awq","group_size":8}`), "qzeros has"},
		{without(".scales"), "part is missing"},
	})
	checkDamage(t, mxfp4Checkpoint, []damage{
		{without(".weight_blocks"), `tensor "model.layers.0.mlp.up_proj.weight_scales": part is missing: tensor "model.layers.0.mlp.up_proj.weight_blocks"`},
		{without(".weight_scales"), `part is missing: tensor "model.layers.0.mlp.up_proj.weight_scales"`},
		{func(_ *testing.T, c *checkpoint) { c.add(module+".weight", "U8", []int{1}, []byte{1}) }, "as well"},
		{with(".weight_blocks", "I8", []int{2, 3, 2, 16}, make([]byte, 192)), "is I8, want U8"},
		{with(".weight_blocks", "U8", []int{6, 2, 16}, make([]byte, 192)), "3 dimensions, want 4"},
		{with(".weight_blocks", "U8", []int{2, 3, 4, 8}, make([]byte, 192)), "blocks are [2 3 4 8], want (matrices, rows, blocks, 16)"},
		{with(".weight_blocks", "U8", []int{0, 1 << 40, 1 << 40, 16}, nil), "want (matrices, rows, blocks, 16)"},
		{with(".weight_blocks", "U8", []int{3, 2, 2, 16}, make([]byte, 192)), "scales are [2 3 2], blocks [3 2 2 16]"},
		{with(".weight_scales", "BF16", []int{2, 3, 2}, make([]byte, 24)), "is BF16, want U8"},
		{with(".weight_scales", "U8", []int{2, 3}, make([]byte, 6)), "2 dimensions, want 3"},
	})
}

// Experts of MXFP4 are stacked, with outputs as rows: not as checkpoints of plain tensors have them.
func TestStackedView(t *testing.T) {
	c, _ := mxfp4Checkpoint(t)
	v, err := mustOpen(t, c.write(t)).Tensor(module + ".weight")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Shape, []int{2, 3, 64}) || !v.Transposed || v.Quant.Format != quant.MXFP4 {
		t.Errorf("view is %v of %v, transposed %v", v.Quant.Format, v.Shape, v.Transposed)
	}
}

func checkDamage(t *testing.T, make func(testing.TB) (*checkpoint, []float32), list []damage) {
	t.Helper()
	for _, d := range list {
		c, _ := make(t)
		d.change(t, c)
		dir := c.write(t)
		b, err := Open(dir, families())
		if err == nil {
			_, err = b.Tensor(module + ".weight")
			_ = b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), d.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error is %v, want %q", err, d.want)
		}
	}
}

// FuzzQuantisedCheckpoint opens arbitrary weights as each of the kinds. What opens must decode.
func FuzzQuantisedCheckpoint(f *testing.F) {
	var abouts []string
	for i, make := range []func(testing.TB) (*checkpoint, []float32){fourBitCheckpoint, int8Checkpoint, gptqCheckpoint, awqCheckpoint, mxfp4Checkpoint} {
		c, _ := make(f)
		path := filepath.Join(f.TempDir(), "x")
		if err := safetensors.WriteFile(path, nil, c.entries); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		abouts = append(abouts, c.about)
		f.Add(uint8(i), []byte(c.about), data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind uint8, about, weights []byte) {
		if kind >= 128 { // whatever the configuration is, not to spend all the time on finding one
			about = []byte(abouts[int(kind)%len(abouts)])
		}
		for name, data := range map[string][]byte{configName: minimal(`,"quantization_config":` + string(about)), safetensors.SingleName: weights} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b, err := Open(dir, families())
		if err != nil {
			return
		}
		defer func() { _ = b.Close() }()
		for _, name := range b.Tensors() {
			v, err := b.Tensor(name)
			if err != nil || v.Quant == nil {
				continue
			}
			if v.Quant.Rows*v.Quant.Cols != (safetensors.Tensor{Shape: v.Shape}).Len() || v.Quant.Cols != v.Shape[len(v.Shape)-1] || v.Quant.Bytes() > 20*int64(len(weights))+1<<12 {
				t.Fatalf("%s is %d×%d of %d bytes, its shape %v, the file of %d bytes", name, v.Quant.Rows, v.Quant.Cols, v.Quant.Bytes(), v.Shape, len(weights))
			}
			var dst [40]float32
			part := dst[:min(len(dst), v.Quant.Cols)]
			v.Quant.Decode(part, 0, 0)
			v.Quant.Decode(part, v.Quant.Rows-1, v.Quant.Cols-len(part))
		}
	})
}

func TestQuantisedBaseHasNoPartsOfOthers(t *testing.T) {
	c, _ := gptqCheckpoint(t)
	c.add("act.scales", "F32", []int{1}, make([]byte, 4)) // the name of a part, but of no weight
	b := mustOpen(t, c.write(t))
	if v, err := b.Tensor("act.scales"); err != nil || len(v.F32) != 1 {
		t.Errorf("act.scales: %+v, %v", v, err)
	}
	if _, err := b.Tensor(module + ".qweight"); !errors.Is(err, ErrNoTensor) {
		t.Errorf("a part is a tensor of its own: %v", err)
	}
}
