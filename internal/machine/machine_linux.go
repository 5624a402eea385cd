// Package machine asks the operating system what the machine has.
package machine

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// CPU is what the kernel calls the processor, "" when it does not say (as on most arm64).
func CPU() string { return procField("/proc/cpuinfo", "model name") }

// Memory returns the machine's memory and what of it can be had without swapping, in bytes; within
// a container that has a lower limit, that.
func Memory() (total, free int64) {
	total, free = kilobytes("MemTotal"), kilobytes("MemAvailable")
	if limit := cgroup("memory.max"); limit > 0 && limit < total {
		return limit, min(free, max(0, limit-cgroup("memory.current")))
	}
	return total, free
}

// AddressSpace returns how many bytes of addresses the process may still take, 0 where nothing (ulimit -v) bounds them.
func AddressSpace() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &limit) != nil || limit.Cur >= 1<<47 {
		return 0
	}
	taken, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/self/status", "VmSize"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return max(1, int64(limit.Cur)-taken<<10)
}

// cgroup reads a number of the process's control group (version 2), 0 where there is none.
func cgroup(name string) int64 {
	data, err := os.ReadFile("/sys/fs/cgroup/" + name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}

func kilobytes(field string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", field), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// procField returns the value of the first line "name : value" of a file.
func procField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Peak is the most memory that this process has had at a time, in bytes; 0 when the system does not say.
func Peak() int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/self/status", "VmHWM"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// powercap is where the kernel keeps the counters of processors (docs.kernel.org/power/powercap).
const powercap = "/sys/class/powercap"
