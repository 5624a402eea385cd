//go:build unix

package contest

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the most memory that an ended process had resident, in bytes, 0 when not known.
func peakMemory(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	peak := int64(usage.Maxrss)
	if runtime.GOOS != "darwin" {
		peak <<= 10 // getrusage(2): kilobytes everywhere else
	}
	return peak
}
