package quant

import (
	"slices"
	"testing"
)

// Rows of two tensors are those of one, in any order.
func TestJoin(t *testing.T) {
	halves := [2][]float32{make([]float32, 3*32), make([]float32, 3*32)}
	var parts []*Tensor
	for i, v := range halves {
		for j := range v {
			v[j] = float32((i+1)*(j/32+1)) * 127
		}
		data, err := QuantiseQ8_0(v)
		if err != nil {
			t.Fatal(err)
		}
		p, err := FromGGUF(Q8_0, 3, 32, data)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	whole, err := Join(parts...)
	if err != nil {
		t.Fatal(err)
	}
	order := []int{3, 0, 4, 1, 5, 2}
	picked, err := whole.Select(order)
	if err != nil || picked.Rows != 6 || picked.Bytes() != parts[0].Bytes()+parts[1].Bytes() {
		t.Fatalf("%+v, %v", picked, err)
	}
	for i, row := range order {
		got := make([]float32, 20)
		picked.Decode(got, i, 5)
		if want := halves[row/3][row%3*32+5:][:20]; !slices.Equal(got, want) {
			t.Errorf("row %d is %v, want %v", i, got, want)
		}
	}
	narrow, err := parts[0].Select([]int{0})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]*Tensor{nil, {parts[0], narrow}} {
		if _, err := Join(bad...); err == nil {
			t.Errorf("%d tensors were joined", len(bad))
		}
	}
}
