package doctor

import (
	"slices"
	"strings"
)

// Section is a block of Dovecot's configuration, or all of it.
type Section struct {
	Name     string // as in "passdb", "service lmtp"; "" of the whole
	Values   map[string]string
	Sections []*Section // in their order
}

// ParseDoveconf reads what doveconf(1) prints, or a file like that: lines of NAME
// = VALUE, and blocks in braces. Comments and other lines mean nothing. Blocks
// that are not closed end with the text.
func ParseDoveconf(text string) *Section {
	all := newSection("")
	open := []*Section{all}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := open[len(open)-1]
		name, value, isValue := strings.Cut(line, "=")
		switch block, isBlock := strings.CutSuffix(line, "{"); {
		case line == "" || line[0] == '#':
		case line == "}":
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		case isBlock && (!isValue || strings.ContainsAny(strings.TrimSpace(name), " {")):
			s := newSection(strings.Join(strings.Fields(block), " "))
			at.Sections = append(at.Sections, s)
			if len(open) < maxDepth {
				open = append(open, s)
			}
		case isValue:
			at.Values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

// maxDepth is more than Dovecot's own blocks have.
const maxDepth = 32

func newSection(name string) *Section { return &Section{Name: name, Values: map[string]string{}} }

// find returns the blocks of a name, such as "passdb": with or without further
// words behind it.
func (s *Section) find(name string) (list []*Section) {
	for _, sub := range s.Sections {
		if sub.Name == name || strings.HasPrefix(sub.Name, name+" ") {
			list = append(list, sub)
		}
	}
	return list
}

// value returns a setting by its path, such as "plugin/quota_clone_dict". The
// last block of a name counts.
func (s *Section) value(path string) string {
	name, rest, deeper := strings.Cut(path, "/")
	if !deeper {
		return s.Values[name]
	}
	value := ""
	for _, sub := range s.Sections {
		if sub.Name == name {
			if v := sub.value(rest); v != "" {
				value = v
			}
		}
	}
	return value
}

// mentions reports whether a text is part of a value, or of a block's name.
func (s *Section) mentions(text string) bool {
	for _, v := range s.Values {
		if strings.Contains(v, text) {
			return true
		}
	}
	for _, sub := range s.Sections {
		if strings.Contains(sub.Name, text) || sub.mentions(text) {
			return true
		}
	}
	return false
}

// plugins reports whether a plugin is switched on: in a list (Dovecot 2.3) or a
// block (2.4).
func (s *Section) plugin(name string) bool {
	return slices.Contains(strings.Fields(s.Values["mail_plugins"]), name) || s.value("mail_plugins/"+name) == "yes"
}

// protocols lists what is served.
func (s *Section) protocols() (names []string) {
	names = strings.Fields(s.Values["protocols"])
	for _, sub := range s.find("protocols") {
		for name, on := range sub.Values {
			if on == "yes" {
				names = append(names, name)
			}
		}
	}
	return names
}
