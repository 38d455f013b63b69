package policy

import "testing"

func TestProtocolOfNumber(t *testing.T) {
	for number, want := range map[uint8]Protocol{
		0: OtherProtocols, 1: OtherProtocols, 6: TCP, 17: UDP, 58: OtherProtocols, 132: SCTP, 136: OtherProtocols, 255: OtherProtocols,
	} {
		if got := ProtocolOfNumber(number); got != want {
			t.Errorf("%d: got %s, want %s", number, got, want)
		}
	}
}
