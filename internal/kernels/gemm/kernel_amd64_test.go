package gemm

import (
	"testing"
	"unsafe"
)

// The offsets that tools/asm/gemm has built into the assembly.
func TestRowArgsLieWhereTheAssemblyReadsThem(t *testing.T) {
	var r rowArgs
	for i, f := range []uintptr{
		unsafe.Offsetof(r.a), unsafe.Offsetof(r.aRow), unsafe.Offsetof(r.aStep),
		unsafe.Offsetof(r.b), unsafe.Offsetof(r.bStep), unsafe.Offsetof(r.bPanel),
		unsafe.Offsetof(r.c), unsafe.Offsetof(r.cRow), unsafe.Offsetof(r.from), unsafe.Offsetof(r.fromRow),
		unsafe.Offsetof(r.ahead), unsafe.Offsetof(r.aheadStep), unsafe.Offsetof(r.aheadPanel),
		unsafe.Offsetof(r.steps), unsafe.Offsetof(r.panels), unsafe.Offsetof(r.rows), unsafe.Offsetof(r.last),
		unsafe.Offsetof(r.scaled), unsafe.Offsetof(r.nextC), unsafe.Offsetof(r.scale),
	} {
		if f != uintptr(8*i) {
			t.Errorf("field %d is at byte %d", i, f)
		}
	}
}
