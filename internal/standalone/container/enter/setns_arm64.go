package enter

import "syscall"

const sysSetns = syscall.SYS_SETNS
