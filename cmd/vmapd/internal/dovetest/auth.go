package dovetest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Auth is a connection to an auth service, as login processes and Postfix have
// it (protocol auth-client 1.2), or as mail processes have it (auth-master 1.1).
// It has one question in flight at most.
type Auth struct {
	conn net.Conn
	in   *bufio.Reader
	id   int
}

// DialLogin connects to a socket for logins and shakes hands.
func DialLogin(socket string) (*Auth, error) {
	return dialAuth(socket, fmt.Sprintf("VERSION\t1\t2\nCPID\t%d\n", os.Getpid()), "DONE")
}

// DialMaster connects to a socket for mail processes and shakes hands.
func DialMaster(socket string) (*Auth, error) {
	return dialAuth(socket, "VERSION\t1\t1\n", "SPID")
}

// dialAuth reads the greeting up to the line that ends it.
func dialAuth(socket, hello, last string) (*Auth, error) {
	nc, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(10 * time.Minute)) // a benchmark lasts
	a := &Auth{conn: nc, in: bufio.NewReaderSize(nc, 1<<14)}
	if _, err := nc.Write([]byte(hello)); err != nil {
		nc.Close()
		return nil, err
	}
	for {
		line, err := a.in.ReadString('\n')
		if err != nil {
			nc.Close()
			return nil, fmt.Errorf("%s: the greeting ends early: %w", socket, err)
		}
		if command, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); command == last {
			return a, nil
		}
	}
}

// Close ends the connection.
func (a *Auth) Close() { a.conn.Close() }

// Plain logs in by SASL's PLAIN, as Postfix does: no session follows. It returns
// the answer without the number of the request: "OK\tuser=..." or "FAIL\t...".
func (a *Auth) Plain(service, user, password string) (string, error) {
	return a.ask("AUTH", "PLAIN\tservice="+service+"\tnologin\tsecured\tresp="+plain(user, password))
}

// Login logs in by SASL's LOGIN, in two steps with a pause between them, as slow
// clients of Postfix do. It returns what Plain does.
func (a *Auth) Login(service, user, password string) (string, error) {
	answer, err := a.ask("AUTH", "LOGIN\tservice="+service+"\tnologin\tsecured")
	for _, response := range []string{user, password} {
		if err != nil || !strings.HasPrefix(answer, "CONT") {
			return answer, err
		}
		time.Sleep(20 * time.Millisecond)
		a.id-- // the same request
		answer, err = a.ask("CONT", base64.StdEncoding.EncodeToString([]byte(response)))
	}
	return answer, err
}

// User asks for the mailbox of a user: "USER\tuser\tuid=...", "NOTFOUND" or
// "FAIL\t...".
func (a *Auth) User(service, user string) (string, error) {
	return a.ask("USER", user+"\tservice="+service)
}

// Pass asks whether there is a login: "PASS\tuser=...", "NOTFOUND" or "FAIL\t...".
func (a *Auth) Pass(service, user string) (string, error) {
	return a.ask("PASS", user+"\tservice="+service)
}

// ask sends a request and waits for its answer.
func (a *Auth) ask(command, rest string) (string, error) {
	a.id++
	id := fmt.Sprint(a.id)
	if _, err := a.conn.Write([]byte(command + "\t" + id + "\t" + rest + "\n")); err != nil {
		return "", err
	}
	line, err := a.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	word, after, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
	got, fields, _ := strings.Cut(after, "\t")
	if got != id {
		return "", fmt.Errorf("request %s is answered %q", id, line)
	}
	if fields != "" {
		word += "\t" + fields
	}
	return word, nil
}
