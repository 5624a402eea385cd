package quant

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// groupedCase reads the parts of a case; its shape is that of the values.
func groupedCase(t *testing.T, f *safetensors.File, name string, bits int) GroupedParts {
	t.Helper()
	shape := golden(t, f, name+".values").Shape
	p := GroupedParts{
		Rows: shape[0], Cols: shape[1], Bits: bits, GroupSize: 32,
		Weight: golden(t, f, name+".qweight").Data, Zeros: golden(t, f, name+".qzeros").Data, Scales: floats(t, f, name+".scales"),
	}
	if g, ok := f.Tensor(name + ".g_idx"); ok {
		for i := range g.Len() {
			p.Group = append(p.Group, int32(binary.LittleEndian.Uint32(g.Data[4*i:])))
		}
	}
	return p
}

func TestGroupedDecodeAsReference(t *testing.T) {
	f := goldens(t, "grouped.safetensors")
	for _, c := range []struct {
		name  string
		bits  int
		less1 bool
		from  func(GroupedParts) (*Tensor, error)
	}{
		{"gptq4", 4, true, FromGPTQ}, {"gptq4v2", 4, false, FromGPTQ}, {"gptq4order", 4, true, FromGPTQ},
		{"gptq8", 8, true, FromGPTQ}, {"gptq2", 2, true, FromGPTQ}, {"gptq3", 3, true, FromGPTQ}, {"gptq3v2", 3, false, FromGPTQ},
		{"awq", 4, false, FromAWQ},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := groupedCase(t, f, c.name, c.bits)
			p.ZeroLess1 = c.less1
			q, err := c.from(p)
			if err != nil {
				t.Fatal(err)
			}
			cputest.EachImplementation(t, func(t *testing.T) { checkDecode(t, q, floats(t, f, c.name+".values")) })
			if q.Bytes() < int64(len(p.Weight)) {
				t.Errorf("takes %d bytes, its codes alone %d", q.Bytes(), len(p.Weight))
			}
		})
	}
}

func TestGroupedAreChecked(t *testing.T) {
	f := goldens(t, "grouped.safetensors")
	for _, c := range []struct {
		damage func(*GroupedParts)
		want   string
	}{
		{func(p *GroupedParts) { p.Bits = 5 }, "of 5 bits"},
		{func(p *GroupedParts) { p.Rows = 0 }, "out of range"},
		{func(p *GroupedParts) { p.Rows = 12 }, "12 rows of 4 bits are no whole words"},
		{func(p *GroupedParts) { p.GroupSize = 0 }, "group size 0"},
		{func(p *GroupedParts) { p.GroupSize = 97 }, "group size 97"},
		{func(p *GroupedParts) { p.GroupSize = 48 }, "qzeros has 24 elements"},
		{func(p *GroupedParts) { p.Weight = p.Weight[4:] }, "qweight has"},
		{func(p *GroupedParts) { p.Zeros = p.Zeros[4:] }, "qzeros has"},
		{func(p *GroupedParts) { p.Scales = p.Scales[1:] }, "scales has"},
		{func(p *GroupedParts) { p.Group = make([]int32, 95) }, "g_idx has 95"},
		{func(p *GroupedParts) { p.Group = append(make([]int32, 95), 3) }, "column 95 into group 3 of 3"},
		{func(p *GroupedParts) { p.Group = append(make([]int32, 95), -1) }, "group -1"},
	} {
		for name, from := range map[string]func(GroupedParts) (*Tensor, error){"gptq4": FromGPTQ, "awq": FromAWQ} {
			p := groupedCase(t, f, name, 4)
			c.damage(&p)
			if _, err := from(p); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
}

// Codes of 3 bits are whole words by 32.
func TestThreeBitsAreChecked(t *testing.T) {
	f := goldens(t, "grouped.safetensors")
	for _, c := range []struct {
		damage func(*GroupedParts)
		want   string
	}{
		{func(p *GroupedParts) { p.Rows = 16 }, "16 rows of 3 bits are no whole words"},
		{func(p *GroupedParts) { p.Cols = 80 }, "80 columns of 3 bits are no whole words"},
		{func(p *GroupedParts) { p.Weight = p.Weight[4:] }, "qweight has"},
		{func(p *GroupedParts) { p.Zeros = p.Zeros[4:] }, "qzeros has"},
	} {
		p := groupedCase(t, f, "gptq3v2", 3)
		c.damage(&p)
		if _, err := FromGPTQ(p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
