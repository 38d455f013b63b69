package policy

import (
	"errors"
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ports converts a list of ports; an empty one is nil, which is everything ("If this field is empty or missing, this rule matches all
// ports").
func (c *v1Converter) ports(path *field.Path, ports []networkingv1.NetworkPolicyPort) []Port {
	var converted []Port
	for i := range ports {
		converted = append(converted, c.port(path.Index(i), &ports[i]))
	}
	return converted
}

// port converts one port. No protocol is TCP ("If not specified, this field defaults to TCP"); no port is every port of the protocol ("If this
// field is not provided, this matches all port names and numbers").
func (c *v1Converter) port(path *field.Path, port *networkingv1.NetworkPolicyPort) Port {
	converted := Port{Protocol: TCP, Field: path.String()}
	if port.Protocol != nil {
		protocol, ok := ProtocolOf(*port.Protocol)
		if !ok || *port.Protocol == "" {
			c.problems.add(path.Child("protocol"), fmt.Errorf("%q is none of TCP, UDP, SCTP", *port.Protocol))
		}
		converted.Protocol = protocol
	}
	if port.Port != nil {
		c.portValue(path.Child("port"), *port.Port, &converted)
	}
	if port.EndPort != nil {
		c.endPort(path.Child("endPort"), *port.EndPort, port.Port, &converted)
	}
	return converted
}

func (c *v1Converter) portValue(path *field.Path, value intstr.IntOrString, port *Port) {
	if value.Type == intstr.String {
		if wrong := validation.IsValidPortName(value.StrVal); len(wrong) > 0 {
			c.problems.add(path, fmt.Errorf("%q is no name of a port: it %s", value.StrVal, strings.Join(wrong, ", and ")))
		}
		port.Name = value.StrVal
		return
	}
	number, err := portNumber(value.IntVal)
	if err != nil {
		c.problems.add(path, err)
	}
	port.Number = number
}

// endPort converts the end of a range (NetworkPolicyPort.endPort, KEP-2079: "must be equal or greater than port", and "cannot be defined if the port field is not defined or if
// the port field is defined as a named (string) port").
func (c *v1Converter) endPort(path *field.Path, value int32, start *intstr.IntOrString, port *Port) {
	end, err := portNumber(value)
	switch {
	case start == nil:
		err = errors.New("needs port, where the range begins")
	case start.Type == intstr.String:
		err = fmt.Errorf("needs a number in port, where the range begins, and not the name %q", start.StrVal)
	case err == nil && value < start.IntVal:
		err = fmt.Errorf("%d is less than port, which is %d", value, start.IntVal)
	}
	if err != nil {
		c.problems.add(path, err)
	}
	port.End = end
}

// portNumber converts the number of a port, which is at least 1 in every API.
func portNumber(number int32) (uint16, error) {
	if number < 1 || number > 65535 {
		return 0, fmt.Errorf("%d is no port from 1 to 65535", number)
	}
	return uint16(number), nil
}
