package cli

import (
	"errors"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// parseMatrixPort reads a port as explain does behind the colon: 80, 80/TCP, ICMP. Every pod has a number of its own for the name of a port, so
// a name is no question about all of them.
func parseMatrixPort(text string) (manifest.Port, error) {
	port, err := manifest.ParsePortProtocol(text)
	if err == nil && port.Name != "" {
		err = errors.New("needs a number, because the same name may be another number in every pod")
	}
	return port, err
}
