// Package doctor looks whether the work can be done on this machine.
package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/s3"
	"github.com/cultivar/cultivar/workflows/home"
)

// Health is what the machine has and whether the work can be done on it.
type Health struct {
	Platform  string   `json:"platform"`
	CPU       string   `json:"cpu"`
	Threads   int      `json:"threads"` // that kernels use
	Kernels   string   `json:"kernels"` // in use
	Available []string `json:"kernels_available"`
	GFLOPS    float64  `json:"gflops"` // float32 matrix products, all threads

	MemoryTotal int64 `json:"memory_total"` // bytes, 0 when not known
	MemoryFree  int64 `json:"memory_available"`

	Home        string `json:"home"`
	HomeFree    int64  `json:"home_free"` // bytes on the home's disk
	Temp        string `json:"temp"`
	TempFree    int64  `json:"temp_free"`
	Credentials string `json:"s3_credentials"` // where they are from, "" for none; never what they are

	Problems []string `json:"problems"`
}

// Look looks at the machine. It writes and removes a file in the home and in the directory for
// temporary files.
func Look(ctx context.Context, location string) Health {
	h := Health{
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: machine.CPU(), Threads: parallel.Workers(),
		Kernels: cpu.Current().String(), GFLOPS: machine.Rate(300*time.Millisecond) / 1e9,
		Home: location, Temp: os.TempDir(), Credentials: s3.FoundCredentials(), Problems: []string{},
	}
	for _, i := range cpu.Available() {
		h.Available = append(h.Available, i.String())
	}
	h.MemoryTotal, h.MemoryFree = machine.Memory()
	h.HomeFree = h.tryHome(ctx, location)
	h.TempFree = h.tryDir("TMPDIR", h.Temp)
	return h
}

// tryHome notes what keeps the home from being used, and returns the free space of one on this machine.
func (h *Health) tryHome(ctx context.Context, location string) int64 {
	at, err := home.Open(ctx, location)
	if err == nil && at.Dir != "" {
		return h.tryDir("home", existing(at.Dir))
	}
	if err == nil {
		err = probe.Ensure(ctx, at.Bucket)
	}
	if err != nil {
		h.Problems = append(h.Problems, fmt.Sprintf("home cannot be used: %v", err))
	}
	return 0
}

// existing is the directory itself or, when it does not exist yet, the first above it that does:
// that is where it would be made.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// little is the free space below which a run is likely to fail, in bytes.
const little = 1 << 30

// tryDir returns the free space of a directory and notes what keeps it from being used.
func (h *Health) tryDir(name, dir string) int64 {
	f, err := os.CreateTemp(dir, ".cultivar-doctor-")
	if err != nil {
		h.Problems = append(h.Problems, fmt.Sprintf("%s cannot be written: %v", name, err))
		return 0
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0
	}
	free := int64(stat.Bavail) * int64(stat.Bsize)
	if free < little {
		h.Problems = append(h.Problems, fmt.Sprintf("%s has less than 1 GB of free space: %s", name, dir))
	}
	return free
}
