//go:build !linux

package hugepage

// advise does nothing where there is nobody to ask.
func advise([]byte) {}
