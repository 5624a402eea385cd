//go:build !unix

package atomicfile

// SyncDir does nothing: there is no way to sync a directory here.
func SyncDir(string) error { return nil }
