package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// parsedReply is a reply as a client reads it.
type parsedReply struct {
	command string
	id      uint32
	args    []string // unescaped
}

// parseReply reads a reply as the strictest of the clients would: Exim's line
// length, Dovecot's escapes (src/lib/strescape.c), and only the commands that
// it knows, each with what it must have.
func parseReply(line string, master bool) (r parsedReply, err error) {
	if len(line) > MaxReply || !strings.HasSuffix(line, "\n") {
		return r, fmt.Errorf("a line of %d bytes", len(line))
	}
	line = line[:len(line)-1]
	var fields []string
	for f := range strings.SplitSeq(line, "\t") {
		plain, err := strictUnescape(f)
		if err != nil {
			return r, err
		}
		fields = append(fields, plain)
	}
	if len(fields) < 2 {
		return r, errors.New("no id")
	}
	id, ok := parseID([]byte(fields[1]))
	if !ok {
		return r, errors.New("the id is not a number")
	}
	r = parsedReply{fields[0], id, fields[2:]}
	if master {
		return r, checkMaster(r)
	}
	return r, checkClient(r)
}

// strictUnescape refuses what no field may contain.
func strictUnescape(f string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		switch f[i] {
		case 0, '\r', '\n', '\t':
			return "", fmt.Errorf("the byte %q in a field", f[i])
		case 1:
			i++
			if i == len(f) {
				return "", errors.New("an escape of nothing")
			}
			plain := strings.IndexByte("01trn", f[i])
			if plain < 0 {
				return "", fmt.Errorf("the escape %q", f[i])
			}
			b.WriteByte("\x00\x01\t\r\n"[plain])
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String(), nil
}

// checkClient checks a reply of auth-client.
func checkClient(r parsedReply) error {
	switch r.command {
	case "OK":
		if len(r.args) == 0 || !strings.HasPrefix(r.args[0], "user=") || r.args[0] == "user=" {
			return errors.New("OK without a user")
		}
		return checkNames(r.args)
	case "FAIL":
		return checkNames(r.args)
	case "CONT":
		if len(r.args) != 1 {
			return errors.New("CONT without a challenge")
		}
		_, err := base64.StdEncoding.Strict().DecodeString(r.args[0])
		return err
	case "CANCELLED":
		if len(r.args) > 0 {
			return errors.New("CANCELLED with arguments")
		}
		return nil
	}
	return fmt.Errorf("the command %q", r.command)
}

// checkMaster checks a reply of auth-master.
func checkMaster(r parsedReply) error {
	switch r.command {
	case "USER":
		if len(r.args) == 0 || r.args[0] == "" {
			return errors.New("USER without a user")
		}
		return checkNames(r.args[1:])
	case "PASS":
		if len(r.args) == 0 || !strings.HasPrefix(r.args[0], "user=") {
			return errors.New("PASS without a user")
		}
		return checkNames(r.args)
	case "NOTFOUND":
		if len(r.args) > 0 {
			return errors.New("NOTFOUND with arguments")
		}
		return nil
	case "FAIL":
		return checkNames(r.args)
	case "LIST":
		if len(r.args) != 1 {
			return errors.New("LIST without a user")
		}
		return nil
	case "DONE":
		if len(r.args) != 1 || r.args[0] != "" && r.args[0] != "fail" {
			return errors.New("a broken DONE")
		}
		return nil
	case "OK":
		if _, ok := parseID([]byte(strings.Join(r.args, " "))); !ok {
			return errors.New("a count that is none")
		}
		return nil
	}
	return fmt.Errorf("the command %q", r.command)
}

// checkNames refuses fields without a name.
func checkNames(args []string) error {
	for _, a := range args {
		if a == "" || a[0] == '=' {
			return fmt.Errorf("the field %q", a)
		}
	}
	return nil
}

// parseAll reads all replies of a connection after its greeting.
func parseAll(out string, master bool) (replies []parsedReply, err error) {
	end := "DONE\n"
	if master {
		end = "SPID\t4242\n"
	}
	_, rest, ok := strings.Cut(out, end)
	if !ok {
		return nil, errors.New("no greeting")
	}
	for rest != "" {
		n := strings.IndexByte(rest, '\n') + 1
		r, err := parseReply(rest[:n], master)
		if err != nil {
			return nil, fmt.Errorf("reply %.200q: %w", rest[:n], err)
		}
		replies, rest = append(replies, r), rest[n:]
	}
	return replies, nil
}
