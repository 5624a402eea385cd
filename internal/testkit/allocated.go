package testkit

import "runtime"

// Allocated is how many bytes f takes from the heap, those that are free again included: what it ever holds is less.
// Nothing else may run meanwhile.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
