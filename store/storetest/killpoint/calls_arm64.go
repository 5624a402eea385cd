//go:build linux

package killpoint

import "syscall"

func call(r *syscall.PtraceRegs) (number uint64, args [3]uint64) {
	return r.Regs[8], [3]uint64{r.Regs[0], r.Regs[1], r.Regs[2]}
}

// changes are the system calls that change a file system.
var changes = map[uint64]string{
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "pwrite64", syscall.SYS_WRITEV: "writev", syscall.SYS_SENDFILE: "sendfile", 285: "copy_file_range",
	syscall.SYS_OPENAT: "openat", syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fdatasync", syscall.SYS_FTRUNCATE: "ftruncate",
	syscall.SYS_RENAMEAT: "renameat", 276: "renameat2", syscall.SYS_LINKAT: "linkat", syscall.SYS_UNLINKAT: "unlinkat", syscall.SYS_MKDIRAT: "mkdirat",
	syscall.SYS_FCHMOD: "fchmod", syscall.SYS_FCHMODAT: "fchmodat", syscall.SYS_UTIMENSAT: "utimensat",
}
