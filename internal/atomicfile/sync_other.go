//go:build !unix

package atomicfile

// syncDir does nothing: there is no way to sync a directory here.
func syncDir(string) error { return nil }
