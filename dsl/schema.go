package dsl

// A phase is a point on the way from a file to a running activity. An argument of a phase may use what exists by then.
type phase int

const (
	literal  phase = iota // while loading: the file alone decides
	compile               // the event, the inputs, the variables and the locals are known
	dispatch              // all jobs and approvals that are referred to have ended
	agent                 // just before an activity: earlier ones have ended, and secrets are at hand
)

func (p phase) String() string { return [...]string{"literal", "compile", "dispatch", "agent"}[p] }

// A valueType is what an argument takes.
type valueType string

const (
	typeString   valueType = "string"
	typeNumber   valueType = "number"
	typeBool     valueType = "bool"
	typeDuration valueType = "duration"
	typeSize     valueType = "size"
	typeScript   valueType = "raw text"
	typeStrings  valueType = "list(string)"
	typeEnv      valueType = "map(string)"
	typeGlobs    valueType = "list of globs"
	typeNeeds    valueType = "list of references" // to jobs and approvals
	typeUse      valueType = "reference"          // to a definition
	typeUnpack   valueType = "map of references"  // from folders to artifacts
	typeKeyword  valueType = "type"               // string, list(number) and so on, without quotes
	typeWord     valueType = "word"               // one of argSpec.Words
	typeObject   valueType = "object"
	typeObjects  valueType = "list of objects"
	typeAxes     valueType = "object of lists"
	typeRetries  valueType = "number, or object by cause"
	typeLost     valueType = "object { lost = number }"
	typeAny      valueType = "any"
)

// A labelKind is what stands between the type of a block and its brace.
type labelKind int

const (
	noLabel    labelKind = iota
	nameLabel            // a name of ours, for references
	hostLabel            // the name of a host, and maybe a port
	eventLabel           // one of the words that tell blocks of one type apart, as in on "push"
)

// A blockSpec says what a block may hold. The one table of them, language, drives decoding, messages and the reference in
// README.md.
type blockSpec struct {
	Name  string
	Label labelKind
	Event string // of eventLabel
	Doc   string
	Many  bool // it may stand several times; with a name, under several names
	Free  bool // any argument name is allowed, each of typeAny
	// NotRun says what happens instead, where this release checks and plans a block but does not run it.
	NotRun string
	Args   []argSpec
	Blocks []*blockSpec
	// Foreign are words that people bring along from other systems, with what to write here.
	Foreign map[string]string
}

// An argSpec says what an argument takes.
type argSpec struct {
	Name     string
	Type     valueType
	Phase    phase // the latest whose values it may use
	Required bool
	Words    []string // of typeWord
	Default  string
	Doc      string
	Secrets  bool   // they may flow into it
	NotRun   string // see blockSpec
}

func (b *blockSpec) arg(name string) *argSpec {
	for i := range b.Args {
		if b.Args[i].Name == name {
			return &b.Args[i]
		}
	}
	if b.Free {
		return &argSpec{Name: name, Type: typeAny, Phase: compile}
	}
	return nil
}

// block answers the spec of a block by its type and, where that takes an event, by its label.
func (b *blockSpec) block(name, label string) *blockSpec {
	for _, s := range b.Blocks {
		if s.Name == name && (s.Label != eventLabel || s.Event == label) {
			return s
		}
	}
	return nil
}

// events answers the labels that blocks of this type may have here.
func (b *blockSpec) events(name string) []string {
	var events []string
	for _, s := range b.Blocks {
		if s.Name == name && s.Label == eventLabel {
			events = append(events, s.Event)
		}
	}
	return events
}

// argNames and blockNames are what a message can offer.
func (b *blockSpec) argNames() []string {
	var names []string
	for _, a := range b.Args {
		names = append(names, a.Name)
	}
	return names
}

func (b *blockSpec) blockNames() []string {
	var names []string
	for _, s := range b.Blocks {
		if len(names) == 0 || names[len(names)-1] != s.Name {
			names = append(names, s.Name)
		}
	}
	return names
}

// heading is how a block starts: job "name".
func heading(s *blockSpec) string {
	switch s.Label {
	case nameLabel:
		return s.Name + ` "name"`
	case hostLabel:
		return s.Name + ` "host"`
	case eventLabel:
		return s.Name + ` "` + s.Event + `"`
	}
	return s.Name
}
