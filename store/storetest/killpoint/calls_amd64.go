//go:build linux

package killpoint

import "syscall"

func call(r *syscall.PtraceRegs) (number uint64, args [3]uint64) {
	return r.Orig_rax, [3]uint64{r.Rdi, r.Rsi, r.Rdx}
}

// skip has the system call that a thread is about to make be none, and fail.
func skip(_ int, r *syscall.PtraceRegs) { r.Orig_rax = ^uint64(0) }

// answer is what a call that was skipped returns.
func answer(r *syscall.PtraceRegs, err syscall.Errno) { r.Rax = -uint64(err) }

// changes are the system calls that change a file system.
var changes = map[uint64]string{
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "pwrite64", syscall.SYS_WRITEV: "writev", syscall.SYS_SENDFILE: "sendfile", 326: "copy_file_range",
	syscall.SYS_OPENAT: "openat", syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fdatasync", syscall.SYS_FTRUNCATE: "ftruncate",
	syscall.SYS_RENAME: "rename", syscall.SYS_RENAMEAT: "renameat", 316: "renameat2", syscall.SYS_LINK: "link", syscall.SYS_LINKAT: "linkat",
	syscall.SYS_UNLINK: "unlink", syscall.SYS_UNLINKAT: "unlinkat", syscall.SYS_RMDIR: "rmdir", syscall.SYS_MKDIR: "mkdir", syscall.SYS_MKDIRAT: "mkdirat",
	syscall.SYS_FCHMOD: "fchmod", syscall.SYS_FCHMODAT: "fchmodat", syscall.SYS_UTIMENSAT: "utimensat",
}
