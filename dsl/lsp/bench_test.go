package lsp_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkKeystroke types a letter into a file of 500 lines and asks what could follow, while the file is checked.
func BenchmarkKeystroke(b *testing.B) {
	s := quiet()
	s.Check = check
	r := startRaw(b, s)
	r.greet()
	var text strings.Builder
	text.WriteString("locals {\n  image = \"alpine:3.20\"\n}\npipeline \"ci\" {\n  on \"push\" {}\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  job \"job-%d\" {\n    image = local.image\n    env   = { A = event.commit, B = upper(event.kind) }\n    activity \"a\" { script = \"true\" }\n  }\n", i)
	}
	body := text.String() + "  job \"last\" {\n    image = local.imag\n  }\n}\n"
	lines := strings.Count(text.String(), "\n")
	open, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	r.send(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl","version":1,"text":` + string(open) + `}}}`)
	b.ResetTimer()
	for i := range b.N {
		r.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl","version":%d},`+
			`"contentChanges":[{"range":{"start":{"line":%d,"character":0},"end":{"line":%[2]d,"character":0}},"text":" "}]}}`, i+2, lines))
		r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"},`+
			`"position":{"line":%d,"character":%d}}}`, i, lines+1, 22))
		if a := r.response(strconv.Itoa(i)); !strings.Contains(string(a.Result), `"image"`) {
			b.Fatalf("offered is %s", a.Result)
		}
	}
}
