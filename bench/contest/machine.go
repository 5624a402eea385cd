package contest

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/version"
)

// Machine is where figures are from: without it they say nothing.
type Machine struct {
	Platform string   `json:"platform"`
	CPU      string   `json:"cpu"`
	Threads  int      `json:"threads"`
	Flags    []string `json:"flags"` // what decides which kernels run, ours and the peer's
	MemoryMB int64    `json:"memory_mb"`
	Kernels  string   `json:"kernels"` // ours
}

func describeMachine() Machine {
	info := procFields("/proc/cpuinfo")
	m := Machine{
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: info["model name"], Threads: parallel.Workers(),
		Flags: telling(strings.Fields(info["flags"] + " " + info["Features"])), Kernels: cpu.Current().String(),
	}
	var kb int64
	if _, err := fmt.Sscan(procFields("/proc/meminfo")["MemTotal"], &kb); err == nil {
		m.MemoryMB = kb / 1000
	}
	if id := info["cpu family"]; id != "" {
		m.CPU += fmt.Sprintf(" (family %s model %s)", id, info["model"])
	}
	return m
}

// telling picks the flags that change what a matrix product can reach.
func telling(flags []string) []string {
	known := []string{"avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve"}
	return slices.DeleteFunc(known, func(f string) bool { return !slices.Contains(flags, f) })
}

// procFields reads the first block of "name : value" lines of a file, nothing where there is none.
func procFields(path string) map[string]string {
	fields := make(map[string]string)
	f, err := os.Open(path)
	if err != nil {
		return fields
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			break // the next processor
		}
		fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return fields
}

// highWater is the most memory that a running process has had resident, in bytes, 0 when the system
// does not say.
func highWater(pid int) int64 {
	var kb int64
	if _, err := fmt.Sscan(procFields(fmt.Sprintf("/proc/%d/status", pid))["VmHWM"], &kb); err != nil {
		return 0
	}
	return kb << 10
}

// String is a line for people.
func (m Machine) String() string {
	name := m.CPU
	if name == "" {
		name = "unknown processor"
	}
	return fmt.Sprintf("%s, %s, %d threads, %d MB, %s; our kernels: %s", m.Platform, name, m.Threads, m.MemoryMB, strings.Join(m.Flags, " "), m.Kernels)
}

// ourVersions names what is measured on our side, with the commit where the build knows it.
func ourVersions() string {
	text := version.Tool + " " + runtime.Version()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " at " + s.Value[:min(12, len(s.Value))]
		}
		if s.Key == "vcs.modified" && s.Value == "true" {
			text += " with changes"
		}
	}
	return text
}
