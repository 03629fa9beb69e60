package dsl

// rootMembers are the names that references begin with, but for those of definitions, which only "use" takes.
func rootMembers() []member {
	var list []member
	for _, r := range roots() {
		if r.phase != literal {
			list = append(list, member{name: r.name, detail: "known from " + r.phase.String() + " time on", doc: r.doc})
		}
	}
	return list
}

// referenceRoots are those of "use".
func referenceRoots() []member {
	var list []member
	for _, r := range roots() {
		if r.phase == literal {
			list = append(list, member{name: r.name, detail: "definitions", doc: r.doc})
		}
	}
	return list
}

// fixedMembers are the names whose content does not depend on the files.
var fixedMembers = map[string][]member{
	"event": {
		{name: "kind", detail: "string", doc: "`\"push\"`, `\"pull_request\"`, `\"tag\"`, `\"schedule\"`, `\"manual\"` or `\"pipeline\"`."},
		{name: "commit", detail: "string", doc: "The full hash."},
		{name: "branch", detail: "string or null", doc: "Null for tags, and for pull requests."},
		{name: "tag", detail: "string or null", doc: "Null for all but tags."},
		{name: "actor", detail: "string", doc: "Who caused the event."},
		{name: "message", detail: "string", doc: "The commit's message."},
		{name: "pull_request", detail: "object or null", doc: "Null for all but `\"pull_request\"`."},
		{name: "changed", detail: "list(string) or null", doc: "Paths that the event changed; null if nobody knows."},
	},
	"event.pull_request": {
		{name: "number", detail: "number"}, {name: "title", detail: "string"},
		{name: "source_branch", detail: "string"}, {name: "target_branch", detail: "string"},
		{name: "from_fork", detail: "bool", doc: "Runs of forks get no secrets."},
	},
	"repo": {
		{name: "name", detail: "string"}, {name: "owner", detail: "string"}, {name: "url", detail: "string"},
		{name: "default_branch", detail: "string"},
	},
	"run": {
		{name: "id", detail: "number"}, {name: "number", detail: "number", doc: "Counts the runs of the project."},
		{name: "url", detail: "string"}, {name: "started_at", detail: "string", doc: "RFC 3339, UTC."},
	},
}

const results = "`\"passed\"`, `\"warned\"`, `\"failed\"`, `\"canceled\"`, `\"skipped\"` or `\"lost\"`."

var (
	jobOutputs       = member{name: "outputs", detail: "object", doc: "What its `output` blocks say."}
	jobResult        = member{name: "result", detail: "string", doc: results}
	plainJobMembers  = []member{jobOutputs, jobResult, {name: "artifacts", detail: "artifacts", doc: "For `unpack`."}}
	matrixJobMembers = []member{{name: "each", detail: "list of { matrix, result, outputs }", doc: "One element for each instance."}, jobResult}
	eachMembers      = []member{{name: "matrix", detail: "object", doc: "The values of the instance."}, jobResult, jobOutputs}
	activityMembers  = []member{{name: "outputs", detail: "object", doc: "What its script wrote to `$TUTTI_OUTPUT`."}, jobResult}
	approvalMembers  = []member{{name: "by", detail: "string", doc: "Who approved."}, {name: "at", detail: "string", doc: "When, in RFC 3339, UTC."}}
	retryCauses      = []member{
		{name: "exit", detail: "number", doc: "The process failed."}, {name: "timeout", detail: "number"},
		{name: "oom", detail: "number", doc: "It had too little memory."}, {name: "image", detail: "number", doc: "The image could not be had."},
		{name: "output", detail: "number", doc: "A declared output was missing, or of a wrong type."},
		{name: "lost", detail: "number", doc: "The agent was lost, or its machine."},
	}
)

// typeWords are what `type` takes, and how to write those with parameters.
var typeWords = []string{"string", "number", "bool", "list(string)", "map(string)", "set(string)", "object({})"}

// functionDocs say what functions do, in half a sentence each.
var functionDocs = map[string]string{
	"upper": "the text in capital letters", "lower": "the text in small letters", "trimspace": "the text without blanks around it",
	"trimprefix": "the text without a beginning", "trimsuffix": "the text without an ending",
	"replace": "the text with each occurrence replaced", "split": "the parts of a text between separators", "join": "one text of many, with a separator between them",
	"substr": "a part of a text: from an offset, of a length", "startswith": "whether a text begins so", "endswith": "whether a text ends so",
	"format": "text with values filled in, as in `format(\"%03d\", 7)`", "matches": "whether a text matches a glob",
	"regex": "what matches a regular expression, or its groups",

	"length": "the number of elements, or of characters", "contains": "whether a list has an element", "keys": "the keys of a map or object, sorted",
	"values": "the values of a map or object, in the order of their keys", "merge": "one map or object of several; later ones win",
	"concat": "one list of several", "flatten": "the elements of lists in a list, as one list", "distinct": "a list without what it repeats",
	"sort": "a list of strings, sorted", "reverse": "a list, backwards", "slice": "a part of a list: from an index to before another",
	"element": "one element of a list; the index wraps around", "lookup": "a value of a map by its key, or else a substitute",
	"zipmap": "a map of keys and values in two lists", "compact": "a list of strings without empty ones",
	"coalesce": "the first argument that is not null", "range": "a list of numbers", "setproduct": "all combinations of several lists",
	"alltrue": "whether all elements are true", "anytrue": "whether one element is true", "one": "the only element of a list, or null",

	"min": "the smallest number", "max": "the largest number", "sum": "the sum of a list of numbers", "abs": "a number without its sign",
	"ceil": "the next whole number up", "floor": "the next whole number down",

	"tostring": "a value as text", "tonumber": "a value as a number", "tobool": "a value as a bool", "tolist": "a value as a list",
	"tomap": "a value as a map", "toset": "a value as a set",

	"jsonencode": "a value as JSON", "jsondecode": "the value of JSON; for the compile phase", "base64encode": "a text in base64",
	"urlencode": "a text for use in a URL", "sha256": "the SHA-256 of a text, in hexadecimal",
	"semver_matches": "whether a version fulfils a constraint such as `\">= 1.2, < 2\"`",
	"file":           "the text of a file of the commit", "hash_files": "a hash of the files of the commit that match globs",
	"changed":  "whether the event changed a file that matches globs",
	"optional": "a need that may be skipped; for `needs`",
}
