package vec

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// Add sets dst[i] = a[i] + b[i].
func Add(dst, a, b []float32) {
	mustMatch("Add", len(dst), len(a), len(b))
	current().add(dst, a, b)
}

func addGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

// Mul sets dst[i] = a[i]·b[i].
func Mul(dst, a, b []float32) {
	mustMatch("Mul", len(dst), len(a), len(b))
	current().mul(dst, a, b)
}

func mulGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v * b[i]
	}
}

// Scale sets dst[i] = a[i]·s.
func Scale(dst, a []float32, s float32) {
	mustMatch("Scale", len(dst), len(a))
	current().scale(dst, a, s)
}

func scaleGeneric(dst, a []float32, s float32) {
	for i, v := range a {
		dst[i] = v * s
	}
}

// ScaleRows multiplies each row of x, of as many elements each as make len(s) rows, by its element of s.
func ScaleRows(x, s []float32) {
	if len(s) == 0 {
		mustMatch("ScaleRows", 0, len(x))
		return
	}
	dim := len(x) / len(s)
	mustMatch("ScaleRows", len(s)*dim, len(x))
	current().runScaleRows(x, dim, s)
}

func (k *kernels) runScaleRows(x []float32, dim int, s []float32) {
	if k.scaleRows != nil {
		k.scaleRows(x, dim, s)
		return
	}
	for i, f := range s {
		if row := x[i*dim : (i+1)*dim]; f != 1 {
			k.scale(row, row, f)
		}
	}
}

// DivideRows sets rows of dst, stride apart, to those of x, of as many elements each as make len(s) rows,
// each by its element of s: fma(x, 1/s, 0), which is never −0 unless by underflow.
func DivideRows(dst []float32, stride int, x, s []float32) {
	if len(s) == 0 {
		mustMatch("DivideRows", 0, len(x))
		return
	}
	dim := len(x) / len(s)
	mustMatch("DivideRows", len(s)*dim, len(x))
	if stride < dim || len(dst) < (len(s)-1)*stride+dim {
		panic(fmt.Sprintf("vec.DivideRows: %d elements do not hold %d rows of %d that are %d apart", len(dst), len(s), dim, stride))
	}
	current().runDivideRows(dst, stride, x, dim, s)
}

func (k *kernels) runDivideRows(dst []float32, stride int, x []float32, dim int, s []float32) {
	if k.divideRows != nil {
		k.divideRows(dst, stride, x, dim, s)
		return
	}
	for i, f := range s {
		row := dst[i*stride:][:dim]
		clear(row)
		k.axpy(row, x[i*dim:(i+1)*dim], 1/f)
	}
}

// Axpy sets dst[i] = fma(s, x[i], dst[i]).
func Axpy(dst []float32, s float32, x []float32) {
	mustMatch("Axpy", len(dst), len(x))
	current().axpy(dst, x, s)
}

func axpyGeneric(dst, x []float32, s float32) {
	for i, v := range x {
		dst[i] = fma.FMA32(s, v, dst[i])
	}
}

// mulAddGeneric sets dst[i] = fma(dst[i], a[i], b[i]).
func mulAddGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = fma.FMA32(dst[i], v, b[i])
	}
}
