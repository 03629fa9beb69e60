package dsl

// A libraryTree is the tree of definitions of a library. It is there as a whole, and has nothing to do with the commit.
type libraryTree struct {
	name  string
	files map[string][]byte
}

func newLibraryTree(l *Library) libraryTree {
	t := libraryTree{l.Name, make(map[string][]byte, len(l.Files))}
	for _, f := range l.Files {
		t.files[f.Name] = f.Data
	}
	return t
}

func (t libraryTree) text(name string) (string, bool, error) {
	text, err := t.read(name)
	if err == nil && len(text) > maxFileText {
		err = fileError("File too large", "%q of library %q has more than %d KiB. Only a script can be longer: script = file(%[1]q).", name, t.name, maxFileText>>10)
	}
	return text, err == nil, err
}

func (t libraryTree) script(name string) (string, bool, error) {
	text, err := t.read(name)
	return unixLines(text), err == nil, err
}

func (t libraryTree) read(name string) (string, error) {
	if err := checkPath(name); err != nil {
		return "", err
	}
	data, ok := t.files[name]
	if !ok {
		return "", fileError("No such file", "There is no file %q in library %q. A path in a library begins at the root of its repository, and is written out.", name, t.name)
	}
	return readable(name, data)
}

func (t libraryTree) hash([]string) (string, bool, error) {
	return "", false, fileError("No commit here", "hash_files() looks at the commit that runs, and a library knows none. Pass the value in through an input.")
}

func (t libraryTree) changed([]string) (bool, bool, error) {
	return false, false, fileError("No commit here", "changed() looks at the commit that runs, and a library knows none. Pass the value in through an input.")
}
