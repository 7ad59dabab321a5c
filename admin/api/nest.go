package api

import "strings"

// nest sets "a.b" as {"a": {"b": value}}. What stands in the way stays.
func nest(to map[string]any, name string, value any) {
	head, rest, nested := strings.Cut(name, ".")
	if !nested {
		to[name] = value
		return
	}
	inner, ok := to[head].(map[string]any)
	if !ok {
		if _, taken := to[head]; taken {
			to[name] = value
			return
		}
		inner = map[string]any{}
		to[head] = inner
	}
	nest(inner, rest, value)
}
