package dsl

// A treeSwitch is the tree of the expression that is being evaluated: that of the commit, or of a library. Functions are made
// once, and ask it.
type treeSwitch struct{ now tree }

func (s *treeSwitch) text(path string) (string, bool, error)        { return s.now.text(path) }
func (s *treeSwitch) script(path string) (string, bool, error)      { return s.now.script(path) }
func (s *treeSwitch) hash(patterns []string) (string, bool, error)  { return s.now.hash(patterns) }
func (s *treeSwitch) changed(patterns []string) (bool, bool, error) { return s.now.changed(patterns) }
