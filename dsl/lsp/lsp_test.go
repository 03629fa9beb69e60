package lsp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.lsp.dev/protocol"
)

const good = `pipeline "ci" {
  on "push" {}
  job "test" {
    image = local.image
    activity "unit" { script = "true" }
  }
}
`

const locals = `locals {
  image = "alpine:3.20" # ü 👩
}
`

func TestDiagnosticsFollowTheBuffers(t *testing.T) {
	e := start(t, map[string]string{"ci.hcl": good, "locals.hcl": locals})
	e.open("ci.hcl", good)
	e.codes("ci.hcl")

	// A mistake that only the other file, not saved, makes.
	e.open("locals.hcl", locals)
	e.change("locals.hcl", 2, protocol.TextDocumentContentChangeEvent{Range: span(1, 2, 7), Text: "picture"})
	d := e.codes("ci.hcl", "E205")[0]
	if want := span(3, 18, 23); d.Range != want {
		t.Errorf("the mistake is at %v, want %v", d.Range, want)
	}
	if d.Source != "tutti" || d.Severity != protocol.DiagnosticSeverityError || !strings.Contains(d.Message, "image") ||
		d.CodeDescription == nil || d.CodeDescription.Href != "https://example.com/E205" {
		t.Errorf("the diagnostic is %+v", d)
	}

	// The buffer is closed without being saved: what is on disk counts again.
	e.must(e.DidClose(t.Context(), &protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri("locals.hcl")}}))
	e.codes("ci.hcl")

	// Somebody else changes the file on disk, which the server asked to be told of.
	e.until("the wish to watch files", func() bool { return slices.Contains(e.asked, "workspace/didChangeWatchedFiles") })
	e.save("locals.hcl", "locals {}\n")
	e.must(e.DidChangeWatchedFiles(t.Context(), &protocol.DidChangeWatchedFilesParams{Changes: []*protocol.FileEvent{{URI: e.uri("locals.hcl"), Type: 2}}}))
	e.codes("ci.hcl", "E205")
	e.replace("ci.hcl", 2, strings.Replace(good, "local.image", `"alpine:3.20"`, 1))
	e.codes("ci.hcl")
}

// TestDiagnosticsOfAFileThatIsNotOpen also makes sure that they go away.
func TestDiagnosticsOfAFileThatIsNotOpen(t *testing.T) {
	e := start(t, map[string]string{"bad.hcl": "locals {\n  a = nothing.here\n}\n", "ci.hcl": good})
	e.open("ci.hcl", strings.Replace(good, "local.image", `"alpine:3.20"`, 1))
	e.codes("bad.hcl", "E205")
	e.must(os.Remove(filepath.Join(e.dir, "bad.hcl")))
	e.must(e.DidSave(t.Context(), &protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri("ci.hcl")}}))
	e.codes("bad.hcl")
}

// TestPositionsCountUTF16 edits behind characters of one to four bytes.
func TestPositionsCountUTF16(t *testing.T) {
	e := start(t, nil)
	e.open("ci.hcl", "# a\r\nlocals {\r\n  a = \"ü👩‍👩‍👧x\" # é\r\n  b = 1\r\n}\r\n")
	// Behind the family, which is 8 units long, stands the x.
	e.change("ci.hcl", 2,
		protocol.TextDocumentContentChangeEvent{Range: span(2, 16, 17), Text: "${nix.da}"},
		protocol.TextDocumentContentChangeEvent{Range: span(3, 6, 99), Text: "nix"})
	found := e.codes("ci.hcl", "E205", "E205")
	if found[0].Range != span(2, 18, 24) || found[1].Range != span(3, 6, 9) {
		t.Errorf("the mistakes are at %v and %v", found[0].Range, found[1].Range)
	}
}

func TestCompletion(t *testing.T) {
	e := start(t, map[string]string{"locals.hcl": locals})
	e.open("ci.hcl", strings.Replace(good, "local.image", "local.im", 1))
	got, err := e.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at(e.uri("ci.hcl"), 3, 20)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 1 || got.Items[0].Label != "image" || got.Items[0].TextEdit.Range != span(3, 18, 20) {
		t.Errorf("offered is %+v", got.Items)
	}
	got, err = e.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at(e.uri("ci.hcl"), 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var snippet string
	for _, item := range got.Items {
		if item.Label == "pipeline" && item.InsertTextFormat == protocol.InsertTextFormatSnippet {
			snippet = item.TextEdit.NewText
		}
	}
	if snippet != "pipeline \"${1:name}\" {\n  $0\n}" {
		t.Errorf("a pipeline is completed to %q", snippet)
	}
}

func TestHover(t *testing.T) {
	e := start(t, map[string]string{"locals.hcl": locals})
	e.open("ci.hcl", strings.Replace(good, "local.image", "local.imge", 1))
	e.codes("ci.hcl", "E205")
	for _, c := range []struct {
		line, character uint32
		want            string
	}{{2, 3, "What one agent does"}, {3, 5, "`image` takes string"}, {3, 20, "About E205"}} {
		got, err := e.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at(e.uri("ci.hcl"), c.line, c.character)})
		if err != nil || got == nil || !strings.Contains(got.Contents.Value, c.want) {
			t.Errorf("hovering over %d:%d gives %+v, %v; want %q", c.line, c.character, got, err, c.want)
		}
	}
	if got, err := e.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at(e.uri("ci.hcl"), 6, 1)}); err != nil || got != nil {
		t.Errorf("hovering over nothing gives %+v, %v", got, err)
	}
}

func TestDefinition(t *testing.T) {
	e := start(t, map[string]string{"locals.hcl": locals})
	e.open("ci.hcl", good)
	got, err := e.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: at(e.uri("ci.hcl"), 3, 20)})
	want := []protocol.Location{{URI: e.uri("locals.hcl"), Range: span(1, 2, 7)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestDocumentSymbols(t *testing.T) {
	e := start(t, nil)
	e.open("ci.hcl", good)
	got, err := e.DocumentSymbol(t.Context(), &protocol.DocumentSymbolParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri("ci.hcl")}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got)
	e.must(err)
	var symbols []protocol.DocumentSymbol
	e.must(json.Unmarshal(data, &symbols))
	if len(symbols) != 1 || symbols[0].Name != "ci" || len(symbols[0].Children) != 2 || symbols[0].Children[1].Children[0].Name != "unit" ||
		symbols[0].SelectionRange != span(0, 10, 12) {
		t.Errorf("the symbols are %+v", symbols)
	}
}

func TestFormatting(t *testing.T) {
	e := start(t, nil)
	for i, c := range []struct{ text, want string }{
		{"locals {\na=1\n  b = \"ü\"\n}\n", "locals {\n  a = 1\n  b = \"ü\"\n}\n"},
		{"locals {\n}\n\n\n", "locals {\n}\n"},
		{"locals {\r\na=1\r\n}", "locals {\r\n  a = 1\r\n}\r\n"},
		{"locals {\n  a = 1\n}\n", ""},
		{"locals {\na=\n", ""},
	} {
		name := fmt.Sprintf("%d.hcl", i)
		e.open(name, c.text)
		got, err := e.Formatting(t.Context(), &protocol.DocumentFormattingParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri(name)}})
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			if len(got) > 0 {
				t.Errorf("%q gets edits: %+v", c.text, got)
			}
			continue
		}
		if applied := apply(c.text, got); applied != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, applied, c.want)
		}
	}
}

// apply does what an editor does with edits of whole lines, from the last to the first.
func apply(text string, edits []protocol.TextEdit) string {
	offset := func(p protocol.Position) int {
		lines := strings.SplitAfter(text, "\n")
		return len(strings.Join(lines[:p.Line], "")) + int(p.Character)
	}
	for _, edit := range slices.Backward(edits) {
		text = text[:offset(edit.Range.Start)] + edit.NewText + text[offset(edit.Range.End):]
	}
	return text
}

// TestOtherFilesAreLeftAlone opens HCL of other tools.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	e := start(t, nil)
	e.open("../main.hcl", "resource \"a\" \"b\" {}\n")
	name := e.uri("../main.hcl")
	if got, err := e.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at(name, 0, 0)}); err != nil || len(got.Items) > 0 {
		t.Errorf("offered is %+v, %v", got, err)
	}
	if got, err := e.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at(name, 0, 1)}); err != nil || got != nil {
		t.Errorf("hovering gives %+v, %v", got, err)
	}
	if len(e.found) > 0 {
		t.Errorf("it has the diagnostics %+v", e.found)
	}
}
