package machine

// Room is how many bytes of memory the process may still take: what is free, or less where the addresses that it may
// have are bounded.
func Room() int64 {
	_, free := Memory()
	if left := AddressSpace(); left > 0 && (free <= 0 || left < free) {
		return left
	}
	return free
}
