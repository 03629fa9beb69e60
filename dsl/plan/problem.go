package plan

// A Problem is one mistake in a pipeline, as the compiler found it: plain data, so that a failed run can keep it, and a
// browser, a terminal and an editor can each show it in their own way.
type Problem struct {
	Code     string   `json:"code"`     // "E204"; empty for a problem without a documented code
	Severity Severity `json:"severity"` // error or warning
	Title    string   `json:"title"`    // "Unknown job"
	// Detail says what is wrong and what to do. It may have several lines, and never holds a secret.
	Detail string `json:"detail,omitempty"`
	// File is relative to the root of the repository, as in ".tutti/ci.hcl"; empty where no file is to blame.
	File string `json:"file,omitempty"`
	// Start and End bound the mistake; End is exclusive.
	Start Position `json:"start,omitzero"`
	End   Position `json:"end,omitzero"`
	// Snippet is the line of Start, without its line break; long lines are cut around the mistake.
	Snippet string `json:"snippet,omitempty"`
	// Carets is Snippet's underline: spaces and "^", of at most the same width.
	Carets string `json:"carets,omitempty"`
}

// A Position is a place in a file; both numbers count from 1, and columns count characters as a person sees them.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Severity tells mistakes from advice.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)
