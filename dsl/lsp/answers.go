package lsp

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/layout"
)

func (s *session) completion(p positionParams) (any, error) {
	list := completionList{Items: []completionItem{}}
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return list, nil
	}
	offset, err := doc.offset(p.Position)
	if err != nil {
		return nil, err
	}
	for i, c := range at.tool.Complete(at.name, offset) {
		item := completionItem{
			Label: c.Label, Kind: kinds[c.Kind], Detail: c.Detail, Doc: markdown(c.Doc), Format: formatPlain,
			Sort: fmt.Sprintf("%04d", i), Edit: textEdit{doc.textRange(c.Replace), c.Insert},
		}
		if c.Snippet != "" && s.snippets {
			item.Format, item.Edit.Text = formatSnippet, c.Snippet
		}
		list.Items = append(list.Items, item)
	}
	return list, nil
}

// kinds are the protocol's numbers for what is completed.
var kinds = map[dsl.CompletionKind]int{
	dsl.CompleteBlock:     7,  // class
	dsl.CompleteArgument:  10, // property
	dsl.CompleteWord:      20, // member of an enumeration
	dsl.CompleteReference: 6,  // variable
	dsl.CompleteFunction:  3,
}

func (s *session) hover(p positionParams) (any, error) {
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return nil, nil
	}
	offset, err := doc.offset(p.Position)
	if err != nil {
		return nil, err
	}
	var parts []string
	shown := textRange{p.Position, p.Position}
	if h, ok := at.tool.Hover(at.name, offset); ok {
		parts, shown = append(parts, h.Text), doc.textRange(h.At)
	}
	told := map[string]bool{}
	for _, f := range s.checker.at(at.folder, at.name, p.Position) {
		if text, ok := s.server.Explain(f.Code); ok && !told[f.Code] {
			told[f.Code] = true
			parts = append(parts, fmt.Sprintf("**%s: %s**\n\n%s", f.Code, f.Title, text))
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return hover{markdown(strings.Join(parts, "\n\n---\n\n")), shown}, nil
}

func (s *session) definition(p positionParams) (any, error) {
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return nil, nil
	}
	offset, err := doc.offset(p.Position)
	if err != nil {
		return nil, err
	}
	place, ok := at.tool.Definition(at.name, offset)
	if !ok {
		return nil, nil
	}
	return []location{{at.uri(place.File), at.text(place.File).textRange(place.Stretch)}}, nil
}

func (s *session) symbols(p documentParams) (any, error) {
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return []documentSymbol{}, nil
	}
	return symbolsOf(doc.text, at.tool.Symbols(at.name)), nil
}

func symbolsOf(t text, list []dsl.Symbol) []documentSymbol {
	made := make([]documentSymbol, 0, len(list))
	for _, s := range list {
		name, detail := s.Name, s.Kind
		if name == "" {
			name, detail = s.Kind, ""
		}
		made = append(made, documentSymbol{
			Name: name, Detail: detail, Kind: symbolKind(s.Kind), Range: t.textRange(s.Whole), Head: t.textRange(s.Head),
			Children: symbolsOf(t, s.Inside),
		})
	}
	return made
}

// symbolKind is the protocol's number for what a block is most like.
func symbolKind(kind string) int {
	switch kind {
	case "pipeline":
		return 2 // module
	case "job":
		return 5 // class
	case "activity":
		return 6 // method
	case "on":
		return 24 // event
	case "local", "variable", "input", "output":
		return 13 // variable
	case "secret":
		return 20 // key
	case "library":
		return 4 // package
	case "approval":
		return 11 // interface
	}
	return 19 // object
}

// formatting answers one edit for each line that changes, so that the cursor stays where it is. A file with mistakes of
// syntax stays as it is: its diagnostics say why.
func (s *session) formatting(p documentParams) (any, error) {
	edits := []textEdit{}
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return edits, nil
	}
	made, problems := layout.Format(dsl.File{Name: at.name, Data: doc.data})
	if len(problems) > 0 {
		return edits, nil
	}
	start := 0
	old, fresh := bytes.SplitAfter(doc.data, []byte("\n")), bytes.SplitAfter(made, []byte("\n"))
	for i, line := range old {
		end := start + len(line)
		if i >= len(fresh) {
			return append(edits, textEdit{doc.textRange(dsl.Stretch{Start: start, End: len(doc.data)}), ""}), nil
		}
		text := fresh[i]
		if i == len(old)-1 {
			text = bytes.Join(fresh[i:], nil)
		}
		if !bytes.Equal(line, text) {
			edits = append(edits, textEdit{doc.textRange(dsl.Stretch{Start: start, End: end}), string(text)})
		}
		start = end
	}
	return edits, nil
}
