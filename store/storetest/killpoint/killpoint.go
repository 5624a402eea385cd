//go:build linux && (amd64 || arm64)

// Package killpoint stops a program just before it changes the file system, at any one of its changes: before each
// write, fsync, rename, link, removal, new file or directory. Or it has the change fail, as a disk does that is full or
// broken. It traces the program's system calls (ptrace(2)), so that the program that is tested is the one that is
// shipped, and nothing in it knows.
package killpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// ErrNoTrace means that this system does not let its processes be traced.
var ErrNoTrace = errors.New("no tracing here")

// Result is how a traced program ended.
type Result struct {
	Points []string // the changes it came to, by name of the system call, the last one not done when it was killed
	Failed int      // how many of them were made to fail
	Killed bool
	Code   int // of the exit
}

// Run runs a command and, when at is not 0, kills it before its change number at, from 1. The command is not
// started yet; its streams are files or nil.
func Run(cmd *exec.Cmd, at int) (Result, error) { return trace(cmd, &tracer{at: at}) }

// Fail runs a command as Run does and has its change number at, from 1, fail with an error. A disk that is full
// (ENOSPC) stays so: whatever takes room fails from there on.
func Fail(cmd *exec.Cmd, at int, err syscall.Errno) (Result, error) {
	return trace(cmd, &tracer{at: at, err: err})
}

func trace(cmd *exec.Cmd, t *tracer) (Result, error) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	t.leader, t.inside, t.skipped = cmd.Process.Pid, map[int]bool{}, map[int]bool{}
	defer func() { _ = cmd.Process.Release() }()
	err := t.run()
	if err != nil {
		_ = syscall.Kill(t.leader, syscall.SIGKILL)
		for range t.inside {
			_, _ = syscall.Wait4(-1, nil, waitOptions, nil)
		}
	}
	return t.result, err
}

const (
	waitOptions = syscall.WALL | syscall.WNOTHREAD // children of this thread only
	exitKill    = 0x100000                         // PTRACE_O_EXITKILL
	atSyscall   = syscall.SIGTRAP | 0x80
)

type tracer struct {
	leader, at int
	err        syscall.Errno // 0 kills
	inside     map[int]bool  // threads, by whether they are in a system call
	skipped    map[int]bool  // those of them whose call is made to fail
	result     Result
}

func (t *tracer) run() error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.leader, &status, syscall.WALL, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	options := syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK | exitKill
	if err := syscall.PtraceSetOptions(t.leader, options); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	t.inside[t.leader] = false
	if err := syscall.PtraceSyscall(t.leader, 0); err != nil {
		return err
	}
	for {
		tid, err := syscall.Wait4(-1, &status, waitOptions, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if status.Exited() || status.Signaled() {
			if tid == t.leader {
				t.result.Code = status.ExitStatus()
				return nil
			}
			delete(t.inside, tid)
			continue
		}
		if err := t.stopped(tid, status); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
}

// stopped lets a thread go on that has stopped.
func (t *tracer) stopped(tid int, status syscall.WaitStatus) error {
	signal := status.StopSignal()
	switch {
	case signal == atSyscall:
		t.inside[tid] = !t.inside[tid]
		if t.inside[tid] && !t.result.Killed {
			if err := t.entered(tid); err != nil {
				return err
			}
		}
		if !t.inside[tid] && t.skipped[tid] {
			delete(t.skipped, tid)
			if err := t.fail(tid); err != nil {
				return err
			}
		}
		signal = 0
	case signal == syscall.SIGTRAP, signal == syscall.SIGSTOP: // a thread begins
		signal = 0
	}
	return syscall.PtraceSyscall(tid, int(signal))
}

// entered looks at a system call that is about to be done.
func (t *tracer) entered(tid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	number, args := call(&regs)
	name, is := changes[number]
	if !is || strings.HasPrefix(name, "openat") && args[2]&(syscall.O_CREAT|syscall.O_TRUNC) == 0 || byFile[name] && !t.onDisk(int(int32(args[0]))) {
		return nil
	}
	t.result.Points = append(t.result.Points, name)
	n := len(t.result.Points)
	switch {
	case t.err == 0 && n == t.at:
		t.result.Killed = true
		return syscall.Kill(t.leader, syscall.SIGKILL)
	case t.err != 0 && (n == t.at || t.at > 0 && n > t.at && t.err == syscall.ENOSPC && takesRoom[name]):
		t.result.Failed++
		t.skipped[tid] = true
		skip(tid, &regs)
		return syscall.PtraceSetRegs(tid, &regs)
	}
	return nil
}

// fail gives a call that was skipped its result.
func (t *tracer) fail(tid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	answer(&regs, t.err)
	return syscall.PtraceSetRegs(tid, &regs)
}

// takesRoom are the calls that a full disk refuses.
var takesRoom = map[string]bool{
	"write": true, "pwrite64": true, "writev": true, "sendfile": true, "copy_file_range": true, "openat": true, "link": true, "linkat": true, "mkdir": true, "mkdirat": true, "fsync": true,
}

// byFile are the calls that change what a descriptor leads to, which may be no file.
var byFile = map[string]bool{"write": true, "pwrite64": true, "writev": true, "sendfile": true}

// onDisk says whether a descriptor of the program leads to a file.
func (t *tracer) onDisk(fd int) bool {
	if fd <= 2 {
		return false
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.leader, fd))
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "/dev/") && !strings.HasPrefix(path, "/proc/")
}
