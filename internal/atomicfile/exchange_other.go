//go:build !linux

package atomicfile

// exchange swaps two directories.
func exchange(temp, path string) error { return byRenames(temp, path) }
