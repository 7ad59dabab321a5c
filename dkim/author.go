package dkim

import (
	"errors"
	"strings"
)

// The scanner of From. It goes by RFC 5322, sections 3.4 and 4.4, as far as
// addresses go, and by nothing in the names beside them: a name may have
// unquoted marks, commas, foreign octets and dots where it likes. Groups (RFC
// 6854) are looked into.

var (
	errMalformed   = errors.New("no address that could be read in one way only")
	errManyAuthors = errors.New("more than one mailbox")
)

// authorDomain returns the folded domain of the one mailbox in the value of a
// From field.
func authorDomain(value string) (string, error) {
	s := scanner{text: value}
	s.next()
	var domain string
	for found, group := 0, false; ; {
		switch s.kind {
		case tokenBroken:
			return "", errMalformed
		case tokenEnd:
			if found == 0 {
				return "", errMalformed
			}
			if found > 1 {
				return "", errManyAuthors
			}
			return domain, nil
		case ',':
			s.next()
			continue
		case ';':
			if !group {
				return "", errMalformed
			}
			group = false
			s.next()
			if s.kind != ',' && s.kind != tokenEnd {
				return "", errMalformed
			}
			continue
		}
		d, isGroup, err := s.element(group)
		switch {
		case err != nil:
			return "", err
		case isGroup:
			group = true
		default:
			domain = d
			found++
		}
	}
}

// element reads a mailbox, or the beginning of a group. Whether a word belongs
// to a name or to an address is known only at its end.
func (s *scanner) element(inGroup bool) (domain string, isGroup bool, err error) {
	start := *s
	at, bracket := false, false
	for {
		switch s.kind {
		case '<':
			domain, err = s.angle()
			return domain, false, err
		case ':':
			// An address in front of a colon is no name of a group.
			if inGroup || at || bracket {
				return "", false, errMalformed
			}
			s.next()
			return "", true, nil
		case '@':
			at = true
		case '[', ']':
			bracket = true
		case ',':
			// What has no at sign is a part of a name with an unquoted comma:
			// Doe, Alice <alice@example.org>.
			if at {
				return start.bare(s.start)
			}
		case ';', tokenEnd:
			return start.bare(s.start)
		case '>', tokenBroken:
			return "", false, errMalformed
		}
		s.next()
	}
}

// bare reads an address without angle brackets that ends at end.
func (s scanner) bare(end int) (string, bool, error) {
	s.text = s.text[:end]
	domain, err := s.address()
	if err == nil && s.kind != tokenEnd {
		err = errMalformed
	}
	return domain, false, err
}

// angle reads <address>, and what follows: a comma, a semicolon, or nothing.
// A route in front of the address is obsolete and means nothing.
func (s *scanner) angle() (string, error) {
	s.next()
	if s.kind == '@' {
		for s.kind == '@' || s.kind == '.' || s.kind == ',' || s.kind == tokenWord {
			s.next()
		}
		if s.kind != ':' {
			return "", errMalformed
		}
		s.next()
	}
	domain, err := s.address()
	if err != nil || s.kind != '>' {
		return "", errMalformed
	}
	s.next()
	if s.kind != ',' && s.kind != ';' && s.kind != tokenEnd {
		return "", errMalformed
	}
	return domain, nil
}

// address reads local-part@domain, with comments and white space anywhere
// between their words. Dots in the local part may stand as they like.
func (s *scanner) address() (string, error) {
	words := 0
	for previous := tokenKind('.'); s.kind != '@'; s.next() {
		switch s.kind {
		case tokenWord, tokenQuoted:
			if previous != '.' || s.kind == tokenWord && strings.Contains(s.word(), `\`) {
				return "", errMalformed
			}
			words++
		case '.':
		default:
			return "", errMalformed
		}
		previous = s.kind
	}
	if words == 0 {
		return "", errMalformed
	}
	s.next()
	return s.domain()
}

// domain reads labels with dots between them, and one at the end.
func (s *scanner) domain() (string, error) {
	var name []byte
	for previous := tokenKind('.'); s.kind == tokenWord || s.kind == '.'; s.next() {
		if (s.kind == '.') == (previous == '.') {
			return "", errMalformed
		}
		previous = s.kind
		name = append(name, s.word()...)
	}
	domain, ok := foldDomain(string(name))
	if !ok {
		return "", errMalformed
	}
	return domain, nil
}
