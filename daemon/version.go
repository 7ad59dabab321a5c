package daemon

import "runtime/debug"

// Version names what runs: the version of the module the program was built
// from (a tag, or a pseudo-version with the commit), "devel" if it was built
// without either.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
