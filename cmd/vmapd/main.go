// Command vmapd answers Postfix's lookups for the mail host of a
// Modoboa-shaped database from memory.
//
// Each command has a file of its own, named after it; app.go holds what they
// share. Exit codes: 0 yes or done, 1 no, not found or differences found, 2
// usage or configuration error, 75 try again (EX_TEMPFAIL of sysexits.h).
package main

import "os"

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(a.run(os.Args[1:]))
}
