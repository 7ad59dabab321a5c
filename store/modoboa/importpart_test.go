package modoboa

// InParts has a file imported so many lines at once, for tests.
func InParts(o ImportOptions, lines int) ImportOptions {
	o.part = lines
	return o
}
