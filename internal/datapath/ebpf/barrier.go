package ebpf

import (
	"time"

	"golang.org/x/sys/unix"
)

// Barrier returns when every packet that was being judged at the time of the call is done. Between two changes of one transition it makes sure
// that no packet has read one end's word before the first change and reads the other end's after the second.
func (d *Datapath) Barrier() {
	// MEMBARRIER_CMD_GLOBAL waits for an RCU grace period (membarrier(2)), and the program runs inside an RCU read section.
	const cmdGlobal = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, cmdGlobal, 0, 0); errno != 0 {
		// Refused on kernels with nohz_full CPUs: a packet takes microseconds, softirqs run without sleeping.
		time.Sleep(50 * time.Millisecond)
	}
}
