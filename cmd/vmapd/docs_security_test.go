package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedTests looks for the tests that the page on security names.
func TestDocumentedTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile("`([a-z/0-9]+)` ((?:Test|Fuzz)[A-Za-z0-9]+)").FindAllStringSubmatch(string(text), -1) {
		found++
		files, err := filepath.Glob(filepath.Join("../..", m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		there := false
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			there = there || strings.Contains(string(source), "\nfunc "+m[2]+"(")
		}
		if !there {
			t.Errorf("there is no test %s in %s", m[2], m[1])
		}
	}
	if rows := strings.Count(string(text), "\n|") - 2*strings.Count(string(text), "\n|---"); found < rows {
		t.Errorf("%d tests for %d threats", found, rows)
	}
}
