package dsl

import "strings"

// typeOf infers the type of a reference in the files as they are now; ok is false if they are too wrong for that.
func (f *Folder) typeOf(c cursor, path []string) (text string, ok bool) {
	ps := &problems{}
	config := f.config()
	a := parseExpression(strings.ReplaceAll(strings.Join(path, "."), ".[]", "[0]"), ps)
	if config == nil || a == nil {
		return "", false
	}
	s := outside("an editor")
	e := &evaluator{config: config, ps: ps, commit: unknownTree{}}
	e.roots, e.absent = unknownRoots(variant{branch: true, tag: true, pullRequest: true, changed: true})
	for _, p := range config.pipelines {
		if c.within.pipeline == nil || p.name != c.within.pipeline.label() {
			continue
		}
		s.pipeline = p
		e.roots["input of "+p.name] = e.unknownInputs(p.inputs)
		if j := p.byName[c.within.job.label()]; j != nil && !j.approval {
			s.job, s.activities = j, len(j.activities)
		}
	}
	b := newBuilder(ps)
	b.config = config
	b.in(s, func() {
		v := b.bindAs("an editor", a)
		e.at(e.trySpot(s), func() {
			got, fine := e.eval(v)
			text, ok = planType(got.Type(), nil).String(), fine && !ps.failed()
		})
	})
	return text, ok
}

// config builds what the files declare, without checking it; nil if one cannot be read.
func (f *Folder) config() *Config {
	ps := &problems{}
	var read []parsed
	var files []File
	for _, o := range f.sorted() {
		files = append(files, File{Name: o.src.name, Data: o.src.data})
	}
	files, lock := splitLock(files)
	for _, file := range files {
		p, ok := parseFile(newSource(file), ps)
		if !ok {
			return nil
		}
		read = append(read, p)
	}
	b := newBuilder(ps)
	root := decodeAll(read, language(), ps)
	b.declareLibraries(root, lock, nil)
	b.build(root)
	return b.config
}
