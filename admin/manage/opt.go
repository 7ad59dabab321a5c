package manage

import "encoding/json"

// Opt is a value that may be left out: a change leaves alone what is not set.
type Opt[T any] struct {
	Value T
	Set   bool
}

// Some returns a value that is set.
func Some[T any](v T) Opt[T] { return Opt[T]{v, true} }

// Or returns the value, or another one if it is not set.
func (o Opt[T]) Or(other T) T {
	if o.Set {
		return o.Value
	}
	return other
}

// UnmarshalJSON sets the value; a null is the zero value.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}
