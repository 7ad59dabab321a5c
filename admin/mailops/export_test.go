package mailops

import "hash/crc32"

// SetStep has f called before each change on disk.
func (f *Files) SetStep(step func(point string)) { f.step = step }

// SetUnlocked has it done without the lock, as on a file system that has none.
func (f *Files) SetUnlocked() { f.unlocked = true }

// Sum is the checksum in the names of folders at work.
func Sum(below string) uint32 { return crc32.ChecksumIEEE([]byte(below)) }

// Locate finds the path of a home below a root.
func Locate(dir string, depth int, path string) (below string, err error) {
	p, err := (&root{dir: dir, real: dir, depth: depth}).locate(path)
	if err != nil {
		return "", err
	}
	return p.below(), nil
}

// ReadReply reads the answer to one command.
func ReadReply(text []byte, into any) error {
	return readReplies(text, []command{{name: "user"}}, []any{into})
}
