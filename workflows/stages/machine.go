package stages

// FreeMemory is how many bytes the machine has to give away, as far as it tells.
func FreeMemory() int64 {
	_, free := memory()
	return free
}
