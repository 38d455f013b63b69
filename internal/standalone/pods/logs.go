package pods

import (
	"fmt"
	"os"
	"sync"
)

// maxLogBytes bounds the log of a container. A full file is kept once more, as FILE.1, so the two hold up to this much.
const maxLogBytes = 10 << 20

// logFile takes the output of all runs of one container. It is safe for concurrent use.
type logFile struct {
	name string
	half int64 // size at which a file is set aside

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(name string) (*logFile, error) {
	l := &logFile{name: name, half: maxLogBytes / 2}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open container log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open container log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer. It never fails: a full disk must not block the program that writes.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size >= l.half {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(p)
		l.size += int64(n)
	}
	return len(p), nil
}

func (l *logFile) rotate() {
	l.file.Close()
	l.file = nil
	if err := os.Rename(l.name, l.name+".1"); err != nil {
		_ = os.Remove(l.name)
	}
	_ = l.open() // otherwise output is lost until the container ends
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
