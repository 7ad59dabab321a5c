package mailops

// SetStep has f called before each change on disk.
func (f *Files) SetStep(step func(point string)) { f.step = step }

// SetUnlocked has it done without the lock, as on a file system that has none.
func (f *Files) SetUnlocked() { f.unlocked = true }
