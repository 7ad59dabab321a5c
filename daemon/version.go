package daemon

import "runtime/debug"

// version is set by the linker when packages are made (contrib/packages/build.sh).
var version string

// Version is the version of the program: that of the package; else what the go
// command recorded when it built it, "devel" if that is nothing.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
