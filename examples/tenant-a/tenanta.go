// Package tenanta holds the files of this example, for the demonstration and the tests that run it.
package tenanta

import _ "embed"

// Tenants are two namespaces with three pods, as YAML.
//
//go:embed tenants.yaml
var Tenants []byte

// Pol1 is the policy of the original proposal, as JSON without apiVersion.
//
//go:embed pol1.json
var Pol1 []byte
