//go:build linux

package killpoint

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func call(r *syscall.PtraceRegs) (number uint64, args [3]uint64) {
	return r.Regs[8], [3]uint64{r.Regs[0], r.Regs[1], r.Regs[2]}
}

// skip has the system call that a thread is about to make be none: its number is in a set of registers of its own.
func skip(tid int, _ *syscall.PtraceRegs) {
	const systemCall = 0x404                                  // NT_ARM_SYSTEM_CALL: 32 bits, of which more is not taken
	none := unix.PtraceRegsArm64{Regs: [31]uint64{1<<32 - 1}} // −1
	_ = unix.PtraceSetRegSetArm64(tid, systemCall, &none)
}

// answer is what a call that was skipped returns.
func answer(r *syscall.PtraceRegs, err syscall.Errno) { r.Regs[0] = -uint64(err) }

// changes are the system calls that change a file system.
var changes = map[uint64]string{
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "pwrite64", syscall.SYS_WRITEV: "writev", syscall.SYS_SENDFILE: "sendfile", 285: "copy_file_range",
	syscall.SYS_OPENAT: "openat", syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fdatasync", syscall.SYS_FTRUNCATE: "ftruncate",
	syscall.SYS_RENAMEAT: "renameat", 276: "renameat2", syscall.SYS_LINKAT: "linkat", syscall.SYS_UNLINKAT: "unlinkat", syscall.SYS_MKDIRAT: "mkdirat",
	syscall.SYS_FCHMOD: "fchmod", syscall.SYS_FCHMODAT: "fchmodat", syscall.SYS_UTIMENSAT: "utimensat",
}
