package lsp

import "encoding/json"

// The types of the Language Server Protocol 3.17, as far as this server needs them.

type position struct {
	Line      int `json:"line"`      // from 0
	Character int `json:"character"` // from 0, in units of UTF-16
}

type textRange struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

type location struct {
	URI   string    `json:"uri"`
	Range textRange `json:"range"`
}

type documentID struct {
	URI string `json:"uri"`
}

type initializeParams struct {
	RootURI          string       `json:"rootUri"`
	WorkspaceFolders []documentID `json:"workspaceFolders"`
	Capabilities     struct {
		TextDocument struct {
			Completion struct {
				Item struct {
					Snippets bool `json:"snippetSupport"`
				} `json:"completionItem"`
			} `json:"completion"`
		} `json:"textDocument"`
		Workspace struct {
			WatchedFiles struct {
				Dynamic bool `json:"dynamicRegistration"`
			} `json:"didChangeWatchedFiles"`
		} `json:"workspace"`
	} `json:"capabilities"`
}

type initializeResult struct {
	Capabilities capabilities `json:"capabilities"`
	ServerInfo   struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	} `json:"serverInfo"`
}

type capabilities struct {
	PositionEncoding string `json:"positionEncoding"`
	Sync             struct {
		OpenClose bool `json:"openClose"`
		Change    int  `json:"change"`
		Save      bool `json:"save"`
	} `json:"textDocumentSync"`
	Completion struct {
		Triggers []string `json:"triggerCharacters"`
	} `json:"completionProvider"`
	Hover      bool `json:"hoverProvider"`
	Definition bool `json:"definitionProvider"`
	Symbols    bool `json:"documentSymbolProvider"`
	Formatting bool `json:"documentFormattingProvider"`
}

const syncIncremental = 2

type didOpenParams struct {
	Document struct {
		URI     string `json:"uri"`
		Version int    `json:"version"`
		Text    string `json:"text"`
	} `json:"textDocument"`
}

type didChangeParams struct {
	Document struct {
		URI     string `json:"uri"`
		Version int    `json:"version"`
	} `json:"textDocument"`
	Changes []change `json:"contentChanges"`
}

// A change replaces a range, or without one the whole text.
type change struct {
	Range *textRange `json:"range"`
	Text  string     `json:"text"`
}

type documentParams struct {
	Document documentID `json:"textDocument"`
}

type positionParams struct {
	Document documentID `json:"textDocument"`
	Position position   `json:"position"`
}

type watchedParams struct {
	Changes []documentID `json:"changes"`
}

type cancelParams struct {
	ID json.RawMessage `json:"id"`
}

type diagnosticsParams struct {
	URI         string       `json:"uri"`
	Version     *int         `json:"version,omitempty"`
	Diagnostics []diagnostic `json:"diagnostics"`
}

type diagnostic struct {
	Range    textRange        `json:"range"`
	Severity int              `json:"severity"`
	Code     string           `json:"code,omitempty"`
	Link     *codeDescription `json:"codeDescription,omitempty"`
	Source   string           `json:"source"`
	Message  string           `json:"message"`
}

type codeDescription struct {
	Href string `json:"href"`
}

const (
	severityError   = 1
	severityWarning = 2
)

type completionList struct {
	Incomplete bool             `json:"isIncomplete"`
	Items      []completionItem `json:"items"`
}

type completionItem struct {
	Label  string   `json:"label"`
	Kind   int      `json:"kind"`
	Detail string   `json:"detail,omitempty"`
	Doc    *markup  `json:"documentation,omitempty"`
	Sort   string   `json:"sortText"`
	Filter string   `json:"filterText,omitempty"`
	Format int      `json:"insertTextFormat"`
	Edit   textEdit `json:"textEdit"`
}

const (
	formatPlain   = 1
	formatSnippet = 2
)

type textEdit struct {
	Range textRange `json:"range"`
	Text  string    `json:"newText"`
}

type markup struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

func markdown(text string) *markup {
	if text == "" {
		return nil
	}
	return &markup{"markdown", text}
}

type hover struct {
	Contents *markup   `json:"contents"`
	Range    textRange `json:"range"`
}

type documentSymbol struct {
	Name     string           `json:"name"`
	Detail   string           `json:"detail,omitempty"`
	Kind     int              `json:"kind"`
	Range    textRange        `json:"range"`
	Head     textRange        `json:"selectionRange"`
	Children []documentSymbol `json:"children,omitempty"`
}

type messageParams struct {
	Type    int    `json:"type"`
	Message string `json:"message"`
}

type registrationParams struct {
	Registrations []registration `json:"registrations"`
}

type registration struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Options any    `json:"registerOptions"`
}

type watchOptions struct {
	Watchers []watcher `json:"watchers"`
}

type watcher struct {
	Pattern string `json:"globPattern"`
}
