package worker

import "testing"

func TestProduct(t *testing.T) {
	for _, name := range append(BigProducts(), OddProducts()...) {
		p, err := parseProduct(name)
		if err != nil || p.String() != name {
			t.Errorf("%q is read as %q: %v", name, p, err)
		}
		x, y, err := p.operands(make([]float32, p.m*p.k), make([]float32, p.k*p.n))
		if err != nil || x.Rows != p.m || x.Cols != p.k || y.Rows != p.k || y.Cols != p.n {
			t.Errorf("%s: operands are %d×%d and %d×%d: %v", name, x.Rows, x.Cols, y.Rows, y.Cols, err)
		}
	}
	if _, err := parseProduct("2048 576 forward"); err == nil {
		t.Error("a product of two sizes was accepted")
	}
	if _, _, err := (product{1, 1, 1, "sideways"}).operands([]float32{1}, []float32{1}); err == nil {
		t.Error("an unknown direction was accepted")
	}
	if p := (product{1, 1, 1, "forward"}); float64(p.repeats())*p.flops() < 2e10 {
		t.Errorf("%d repeats of the smallest product are not long enough to time", p.repeats())
	}
}

func TestAttentionShape(t *testing.T) {
	s := attentionShape{4, 512, 9, 3, 64, "training"}
	if got, err := parseAttention(s.String()); err != nil || got != s {
		t.Errorf("%q is read as %v: %v", s, got, err)
	}
	if _, err := parseAttention("4 512 9 3 64 backward"); err == nil {
		t.Error("an unknown pass was accepted")
	}
	// One query of one key: two products of 2·64 operations.
	if got := (attentionShape{1, 1, 1, 1, 64, "forward"}).flops(); got != 256 {
		t.Errorf("%g operations, want 256", got)
	}
}
