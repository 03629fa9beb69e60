package dsl

// declareLibraries builds the definitions of the libraries that the files use, as far as they are at hand.
func (b *builder) declareLibraries(root *node, lock *File, fetched []Library) {
	b.config.libraries = map[string]bool{}
	for _, n := range root.all("library") {
		b.config.libraries[n.name] = false
	}
	for _, l := range b.libraries(root, b.locked(parseLock(lock, b.ps))) {
		content, ok := l.content(fetched, b.ps)
		switch {
		case !ok || l.ref.Commit == "":
			continue // reported
		case content == nil:
			b.config.wants = append(b.config.wants, l.ref)
			continue
		}
		b.config.trees[l.ref.Name] = newLibraryTree(content)
		if n := parseLibrary(content, b.ps); n != nil {
			b.config.libraries[l.ref.Name] = true
			b.visit(n)
			b.definitions(n.all("activity"), "lib."+l.ref.Name+".", l.ref.Name)
		}
	}
}
