package probe

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

func TestMain(m *testing.M) {
	play()
	lab.Main(m)
}
