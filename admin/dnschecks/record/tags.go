package record

import (
	"errors"
	"fmt"
	"strings"
)

// tag is one "name=value" of a list that semicolons separate.
type tag struct{ name, value string }

// splitTags splits a list of tags, and refuses one that names a tag twice. A
// semicolon at the end is allowed.
func splitTags(text string) ([]tag, error) {
	var tags []tag
	seen := map[string]bool{}
	parts := strings.Split(text, ";")
	for i, part := range parts {
		part = strings.Trim(part, " \t")
		if part == "" {
			if i == len(parts)-1 && i > 0 {
				break
			}
			return nil, errors.New("there is an empty tag: two semicolons, or one at the beginning")
		}
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
		switch {
		case !ok:
			return nil, fmt.Errorf("%s is not tag=value", quote(part))
		case !word(name):
			return nil, fmt.Errorf("%s is not the name of a tag", quote(name))
		case seen[name]:
			return nil, fmt.Errorf("the tag %s is there twice", name)
		}
		seen[name] = true
		tags = append(tags, tag{name, value})
	}
	return tags, nil
}

// begins takes the version off a list of tags. It must come first and be
// spelled exactly so.
func begins(tags []tag, version string) ([]tag, error) {
	if len(tags) == 0 || tags[0].name != "v" || tags[0].value != version {
		return nil, fmt.Errorf("the record must begin with v=%s", version)
	}
	return tags[1:], nil
}

// word reports whether s can be the name of a tag.
func word(s string) bool {
	for i, c := range []byte(s) {
		if !letter(c) && (i == 0 || !digit(c) && c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// number reads a decimal number without sign and of at most max.
func number(s string, limit int) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if !digit(c) {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, s != ""
}

// quote shows a piece of a record.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return fmt.Sprintf("%+q", s)
}

// hostName reports whether s can be the name of a host, with at least two
// labels, without a dot at the end.
func hostName(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !letter(c) && !digit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
