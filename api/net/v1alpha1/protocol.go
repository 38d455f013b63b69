package v1alpha1

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// protocols are the protocols that a policy may name, in the order in which messages list them.
var protocols = []string{string(corev1.ProtocolTCP), string(corev1.ProtocolUDP), string(corev1.ProtocolSCTP)}

// ParseProtocol returns the protocol that a Port's Protocol means: TCP when it is absent, otherwise TCP, UDP or SCTP
// whatever its case. Anything else, also the empty string, is an error.
func ParseProtocol(protocol *string) (corev1.Protocol, error) {
	if protocol == nil {
		return corev1.ProtocolTCP, nil
	}
	// EqualFold takes U+017F for an S; equal lengths in bytes rule that out.
	for _, known := range protocols {
		if len(*protocol) == len(known) && strings.EqualFold(*protocol, known) {
			return corev1.Protocol(known), nil
		}
	}
	return "", fmt.Errorf("parse protocol: %q is none of %s", shorten(*protocol), strings.Join(protocols, ", "))
}
