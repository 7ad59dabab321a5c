package doctor

// Host is what a machine says of itself, gathered by the caller.
type Host struct{}
