package dbtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// children returns the process ids of pid's children, from /proc (proc(5)).
func children(pid int) []int {
	var all []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && parentAndState(child).parent == pid {
			all = append(all, child)
		}
	}
	return all
}

// alive reports whether a process runs; one that has ended and waits for its
// parent to notice does not.
func alive(pid int) bool {
	p := parentAndState(pid)
	return p.state != "" && p.state != "Z" && p.state != "X"
}

type procStat struct {
	state  string
	parent int
}

func parentAndState(pid int) procStat {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procStat{} // it is gone
	}
	// "pid (name) state ppid …", and the name may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return procStat{}
	}
	parent, _ := strconv.Atoi(fields[1])
	return procStat{fields[0], parent}
}
