// Package version says which version of Hedgerow a binary was built from. It reads what the go command wrote into the binary, and nothing else.
package version

import "runtime/debug"

// Own is the module's version, or in a build from a working tree the commit; "unknown" when the binary does not tell.
func Own() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
