package machine

import "golang.org/x/sys/unix"

// CPU is what the system calls the processor, "" when it does not say.
func CPU() string {
	name, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return name
}

// Memory returns the machine's memory, in bytes; what is free is not known.
func Memory() (total, free int64) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, 0
	}
	return int64(n), 0
}

// Peak is the most memory that this process has had at a time, in bytes; 0 when the system does not say.
func Peak() int64 {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return use.Maxrss
}

// powercap is empty: this system has no counters that a program may read.
const powercap = ""

// AddressSpace is 0: nothing bounds it.
func AddressSpace() int64 { return 0 }
