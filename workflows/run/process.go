package run

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process says where a run is executed, so that others on the same machine can tell whether it still is.
type Process struct {
	// Machine is the host's name and, where there are such, the boot and the space of process ids:
	// equal for processes that can look at each other.
	Machine string `json:"machine"`
	ID      int    `json:"id"`
	// Start tells a process from a later one of the same id; "" where the system does not say.
	Start string `json:"start,omitempty"`
}

func thisProcess() Process {
	return Process{Machine: machine(), ID: os.Getpid(), Start: startOf(os.Getpid())}
}

// machine reads what Linux offers in /proc; elsewhere that is the host's name alone.
func machine() string {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	return strings.Join(strings.Fields(host+" "+string(boot)+" "+space), " ")
}

// startOf is the time at which a process was started, in the kernel's ticks since the boot.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The name of the program, in parentheses, may hold spaces. The start is the 22nd field.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}

// alive tells whether the process still is there: by looking where that is possible, else by how long
// ago it last gave a sign.
func (p Process) alive(quiet time.Duration) bool {
	if p.Machine != machine() {
		return quiet < silence
	}
	if p.Start != "" {
		return startOf(p.ID) == p.Start
	}
	err := syscall.Kill(p.ID, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
